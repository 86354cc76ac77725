"""Secrets as they stand on the disk: sealed, so that a copy of the database alone signs nothing."""

from __future__ import annotations

import base64
import binascii
import os

_NONCE = 12


class SealError(Exception):
    """It was not sealed with this key, or not for this place."""


class Seal:
    """AES-256-GCM with one key.

    Args:
        key: 32 bytes, derived from the root key for this purpose alone.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, text: str, place: str) -> str:
        """Seal a text for a place; it opens nowhere else."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 7 MB, for who has secrets only

        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + AESGCM(self._key).encrypt(nonce, text.encode(), place.encode())).decode()

    def open(self, sealed: str, place: str) -> str:
        """Give the text back.

        Raises:
            SealError: the key is another one, or what stands there was changed.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        try:
            found = base64.b64decode(sealed, validate=True)
            return AESGCM(self._key).decrypt(found[:_NONCE], found[_NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise SealError("sealed with another key") from None
