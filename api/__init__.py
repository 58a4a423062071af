"""The faces: command line, HTTP and screens, with who may do what.

In:   a person's or a program's request, with a token or at the command line.     Out: answers as JSON, pages or text,
each search and recommendation joined with its entry on the ledger. Only this room knows all the others.
"""
