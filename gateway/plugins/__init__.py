"""Plugins: what is published, and what a package is. Nothing here runs any."""
