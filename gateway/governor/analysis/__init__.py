"""Analyses: somebody asks how all is, and gets findings with evidence and what to do (D-095)."""
