"""A person lets a program act for them: authorization codes with PKCE, and refresh tokens (D-048, D-049)."""
