"""Servers that others write with: the same check of a token, the same reading, the same answer."""
