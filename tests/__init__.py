"""The tests; a package, because some dependencies bring one of the same name."""
