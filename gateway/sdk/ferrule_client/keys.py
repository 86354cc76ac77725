"""What an agent signs its card with: the secret of its enrolment, or an Ed25519 key of its own."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from . import encoding
from .errors import ConfigurationError

_SECRET_BYTES = 32


class SigningKey(Protocol):
    """A key with which cards are signed."""

    @property
    def kid(self) -> str:
        """Its name, out of the enrolment."""

    @property
    def algorithm(self) -> str:
        """Its JWS algorithm."""

    def sign(self, message: bytes) -> bytes:
        """The signature over a message."""


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """The secret that `ferrule agents enrol` printed: HS256.

    Args:
        kid: the key's name, out of the enrolment.
        secret: its 32 bytes, or the 43 characters of base64url they were printed as.

    Raises:
        ConfigurationError: that is no such secret.
    """

    kid: str
    secret: bytes | str = field(repr=False)
    algorithm: str = field(default="HS256", init=False)

    def __post_init__(self) -> None:
        """Decode the secret."""
        secret = self.secret
        if isinstance(secret, str):
            try:
                secret = encoding.decode(secret)
            except ValueError:
                raise ConfigurationError("secret: not the base64url that ferrule agents enrol prints") from None
        if len(secret) != _SECRET_BYTES:
            raise ConfigurationError(f"secret: must have {_SECRET_BYTES} bytes, not {len(secret)}")
        object.__setattr__(self, "secret", secret)

    def sign(self, message: bytes) -> bytes:
        """HMAC-SHA256 over a message."""
        if isinstance(self.secret, str):
            raise TypeError("the secret was decoded when this was made")
        return hmac.digest(self.secret, message, "sha256")


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A private key whose public half the operator pinned (`ferrule agents enrol --public-key`): EdDSA.

    Needs the package `cryptography` (`pip install cryptography`).

    Args:
        kid: the key's name, out of the enrolment.
        private: PEM (PKCS #8) as bytes or text, the path of such a file, or the 32 bytes of the key itself.

    Raises:
        ConfigurationError: that is no such key, or `cryptography` is missing.
    """

    kid: str
    private: bytes | str | Path = field(repr=False)
    algorithm: str = field(default="EdDSA", init=False)
    _sign: Callable[[bytes], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Load the key."""
        object.__setattr__(self, "_sign", _load(self.private))

    def sign(self, message: bytes) -> bytes:
        """Ed25519 over a message."""
        return self._sign(message)


def _load(private: bytes | str | Path) -> Callable[[bytes], bytes]:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 # an extra
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 # an extra
    except ImportError:
        raise ConfigurationError("an Ed25519 key needs the package cryptography: pip install cryptography") from None
    if isinstance(private, Path):
        path = private
        try:
            private = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
    if isinstance(private, str):
        private = private.encode()
    if len(private) == _SECRET_BYTES:
        return Ed25519PrivateKey.from_private_bytes(private).sign
    try:
        key = load_pem_private_key(private, None)
    except (ValueError, TypeError):
        raise ConfigurationError("the private key is no PEM file without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError("the private key is not of Ed25519")
    return key.sign
