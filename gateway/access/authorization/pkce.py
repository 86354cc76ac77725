"""Proof Key for Code Exchange, S256 and nothing else (RFC 7636; RFC 9700, 2.1.1)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

METHOD = "S256"
# 43 to 128 unreserved characters (RFC 7636, 4.1).
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
# 256 bits in base64url: the two bits that are left over in the last character are zero.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)


def is_challenge(text: str) -> bool:
    """Whether a text can be a challenge of S256."""
    return _CHALLENGE.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """The challenge a verifier answers."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()


def answers(verifier: str, challenge: str) -> bool:
    """Whether a verifier is the one a challenge was made of."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)
