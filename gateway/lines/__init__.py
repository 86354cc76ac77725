"""The field side: one task a line, blocks by deadline, honest outcomes."""
