"""How the gateway calls others: one pinned address, TLS, HTTP/1.1, nothing followed and nothing trusted."""
