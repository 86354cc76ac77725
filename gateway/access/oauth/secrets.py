"""Secrets of clients and API keys: random, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

# What stands before a colon, so it has none (D-052).
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# Longer than anything that is given out: what is longer need not be hashed.
_LONGEST = 256


def make_secret() -> str:
    """256 random bits: nobody finds them by trying, so a plain hash of them is enough (D-052)."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def is_secret(given: str, digest: bytes | None) -> bool:
    """Whether somebody showed the secret of a digest; as quick whether it is nearly right or all wrong."""
    return len(given) <= _LONGEST and hmac.compare_digest(digest_of(given), digest or bytes(32)) and digest is not None
