"""Signing in by name and password: how often one may try, and who is signed in in which browser (D-049)."""
