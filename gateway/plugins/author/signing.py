"""The publisher's key, and what is signed with it."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.publisher_keys import read_public_key
from gateway.plugins.author.archive import chunks_of, modes_of, read_parts
from gateway.plugins.author.packing import pack
from gateway.plugins.signature import Signer, sign, signers_by_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_RAW = 32
_LARGEST = 64 * 1024


class KeyFileError(Exception):
    """A key cannot be used; the text names the file and the cure."""


class UnsoundPackageError(Exception):
    """A package cannot be signed, for it is none."""


def make_key(path: Path) -> bytes:
    """Make a key that only its owner can read; returns the public one.

    Raises:
        KeyFileError: there is something of this name.
        OSError: it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - 7 MB
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - the same
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} is there already, and a key is never written over: choose another name") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return key.public_key().public_bytes_raw()


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key: PEM without a password, as ``openssl genpkey -algorithm ed25519`` makes it too, or 32 bytes.

    Raises:
        KeyFileError: it is none, or others can read it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - 7 MB
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - the same

    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyFileError(f"{path} can be read by others: chmod 600 {path}")
            content = file.read(_LARGEST)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}: ferrule plugin keygen {path} makes a key") from None
    if len(content) == _RAW:
        return Ed25519PrivateKey.from_private_bytes(content)
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(
            f"{path} is no private key of Ed25519 without a password: ferrule plugin keygen makes one, and so does "
            "openssl genpkey -algorithm ed25519"
        )
    return key


def public_text(key: bytes) -> str:
    """A public key as the configuration has it."""
    return base64.b64encode(key).decode()


def signers_of(path: Path) -> Mapping[str, Signer]:
    """Whoever holds a key: it is in the file, the private or the public one (base64, or minisign's .pub).

    Raises:
        KeyFileError: it is in neither.
    """
    try:
        text = path.read_text(encoding="ascii") if path.stat().st_size < _LARGEST else ""
        for line in text.splitlines():
            try:
                return signers_by_id([Signer(str(path), read_public_key(line.strip()))])
            except ValueError:
                continue
    except (OSError, UnicodeDecodeError):
        pass
    return signers_by_id([Signer(str(path), read_key(path).public_key().public_bytes_raw())])


def sign_archive(path: Path, key: Ed25519PrivateKey) -> bytes:
    """A package with a signature, in the place of any it had.

    Raises:
        UnsoundPackageError: it is none.
        OSError: it cannot be read.
    """
    parts = read_parts(chunks_of(path))
    if parts.faults or parts.manifest is None:
        raise UnsoundPackageError("; ".join(map(str, parts.faults)))
    return pack(parts.manifest, parts.files, signature=sign(parts.manifest, key), executable=modes_of(path))
