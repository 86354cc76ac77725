"""Ed25519 public keys as others write them: JWK (RFC 8037), PEM (RFC 8410), or 32 bytes in base64url."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

SIZE = 32


class PublicKeyError(ValueError):
    """This is no Ed25519 public key; the text says what is needed."""


def to_jwk(public: bytes) -> dict[str, str]:
    """A public key (32 bytes) as JWK."""
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(public).rstrip(b"=").decode()}


def from_jwk(jwk: Mapping[str, object]) -> bytes:
    """The 32 bytes of a public key.

    Raises:
        PublicKeyError: it is no Ed25519 public key, or a private one.
    """
    if "d" in jwk:
        raise PublicKeyError("this is a private key, which stays with the agent: give the public one")
    match jwk:
        case {"kty": "OKP", "crv": "Ed25519", "x": str(coordinate)}:
            return _decode(coordinate)
    raise PublicKeyError('a JWK of an Ed25519 key has "kty": "OKP", "crv": "Ed25519" and "x"')


def read_public_key(content: bytes) -> bytes:
    """The 32 bytes of a public key out of a file: JWK, PEM or base64url.

    Raises:
        PublicKeyError: there is no Ed25519 public key in it.
    """
    content = content.strip()
    if content.startswith(b"{"):
        try:
            jwk = json.loads(content)
        except (ValueError, RecursionError):
            raise PublicKeyError("it begins like a JWK, but is no JSON") from None
        return from_jwk(jwk)
    if content.startswith(b"-----BEGIN"):
        return _from_pem(content)
    try:
        return _decode(content.decode("ascii"))
    except UnicodeDecodeError:
        raise PublicKeyError("it is no JWK, no PEM and no base64url") from None


def _from_pem(content: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - slow to load, and seldom needed
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    if b"PRIVATE KEY" in content:
        raise PublicKeyError("this is a private key, which stays with the agent: give the public one")
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise PublicKeyError('there is no Ed25519 public key in it ("-----BEGIN PUBLIC KEY-----")')
    return key.public_bytes_raw()


def _decode(text: str) -> bytes:
    try:
        public = base64.b64decode(text.rstrip("=") + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        public = b""
    if len(public) != SIZE:
        raise PublicKeyError(f"an Ed25519 public key is {SIZE} bytes: 43 characters of base64url")
    return public
