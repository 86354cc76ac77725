"""Who vouches for a package: Ed25519 over its manifest (RFC 8032), with keys the configuration names."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from gateway.core.publisher_keys import key_id
from gateway.plugins.refusal import PackageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# What is signed begins with it, so that a signature made for anything else is none for a package.
DOMAIN = b"ferrule plugin manifest 1\0"
_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Signer:
    """A key whose packages are taken.

    Attributes:
        name: of it in the configuration.
        key: 32 bytes of Ed25519.
    """

    name: str
    key: bytes


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``manifest.sig`` holds."""

    key_id: str
    signature: str


_DECODER = msgspec.json.Decoder(_Signature)


def signers_by_id(signers: Iterable[Signer]) -> Mapping[str, Signer]:
    """Keys by what signatures call them."""
    return {key_id(signer.key): signer for signer in signers}


def sign(manifest: bytes, key: Ed25519PrivateKey) -> bytes:
    """The content of ``manifest.sig`` for a manifest.

    Args:
        manifest: the exact bytes of ``manifest.json``.
        key: of the publisher.
    """
    signature = base64.b64encode(key.sign(DOMAIN + manifest)).decode()
    return msgspec.json.encode(_Signature(key_id(key.public_key().public_bytes_raw()), signature)) + b"\n"


def verify(manifest: bytes, signature: bytes, signers: Mapping[str, Signer]) -> Signer:
    """See who signed a manifest.

    Args:
        manifest: the exact bytes of ``manifest.json``.
        signature: the content of ``manifest.sig``.
        signers: those that are trusted, by what signatures call them.

    Raises:
        PackageError: nobody who is trusted did.
    """
    # 7 MB, and a package seldom comes.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        given = _DECODER.decode(signature)
        raw = base64.b64decode(given.signature, validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError):
        raw, given = b"", _Signature("", "")
    if len(raw) != _LENGTH:
        words = 'manifest.sig must be {"key_id": "...", "signature": "..."}, the signature 64 bytes in base64'
        raise PackageError("bad_signature", f"{words}: sign it anew")
    signer = signers.get(given.key_id)
    if signer is None:
        words = f"signed with the key {ascii(given.key_id[:32])[1:-1]}, which no [[plugin.publisher]] names"
        raise PackageError("unknown_signer", f"{words}: add the publisher's key to the configuration")
    try:
        Ed25519PublicKey.from_public_bytes(signer.key).verify(raw, DOMAIN + manifest)
    except InvalidSignature:
        words = f"the signature is not that of {signer.name} for this manifest.json"
        raise PackageError("bad_signature", f"{words}: sign it after the last change") from None
    return signer
