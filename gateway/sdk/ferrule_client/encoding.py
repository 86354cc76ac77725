"""Base64url without padding, in its one spelling (RFC 7515, 2)."""

from __future__ import annotations

import base64


def encode(content: bytes) -> str:
    """Bytes as base64url."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Bytes from base64url.

    Raises:
        ValueError: it is none, or not in the one spelling its bytes have.
    """
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise ValueError("this is not base64url") from None
    # Python skips what it does not know, and accepts unused bits that are set.
    if encode(content) != text:
        raise ValueError("this is not base64url as RFC 7515 has it")
    return content
