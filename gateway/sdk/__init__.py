"""Kits for those who write programs for the gateway. Each is a wheel of its own, and imports nothing of the gateway."""
