"""Who may call: root key, tokens, scopes, the first administrator. Knows nothing of HTTP."""
