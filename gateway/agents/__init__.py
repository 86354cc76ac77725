"""Agents on the LAN: their cards, the registry of those that registered, and the services they announce."""
