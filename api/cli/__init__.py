"""The command line: one file a command family; a command parses, calls one function, prints."""
