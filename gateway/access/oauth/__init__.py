"""OAuth 2: clients, grants, access tokens and API keys. No HTTP is in it."""
