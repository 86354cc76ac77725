"""Installed plugins: whose they are, what they may do and how they are configured; the host runs them."""
