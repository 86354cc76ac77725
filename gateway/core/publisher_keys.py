"""Public keys of who signs packages: Ed25519, bare or as minisign writes them."""

from __future__ import annotations

import base64
import binascii
import hashlib

_ED25519 = 32
# minisign: two letters for the algorithm, eight bytes that name the key, the key.
_MINISIGN = b"Ed"
_MINISIGN_NAME = 8
_CURE = "Write the 32 bytes of an Ed25519 public key in base64, or the second line of a minisign .pub file"


def read_public_key(text: str) -> bytes:
    """The 32 bytes of a public key.

    Args:
        text: base64 of the key, or of what a minisign ``.pub`` file has in its second line.

    Raises:
        ValueError: it is neither; the text has the cure.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"is no base64. {_CURE}") from None
    if len(raw) == _ED25519:
        key = raw
    elif len(raw) == len(_MINISIGN) + _MINISIGN_NAME + _ED25519 and raw.startswith(_MINISIGN):
        key = raw[-_ED25519:]
    else:
        raise ValueError(f"has {len(raw)} bytes. {_CURE}")
    if _of_small_order(key):
        raise ValueError(f"is no key of anybody: whatever is signed counts for it. {_CURE}")
    return key


def key_id(key: bytes) -> str:
    """What a key is called in signatures: the first eight bytes of its SHA-256, in hex."""
    return hashlib.sha256(key).hexdigest()[:16]


# The y coordinates of the eight points whose order divides 8 (RFC 7748, 6 and 7): signatures for them prove nothing.
_PRIME = (1 << 255) - 19
_SMALL = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)


def _of_small_order(key: bytes) -> bool:
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    return y % _PRIME in _SMALL
