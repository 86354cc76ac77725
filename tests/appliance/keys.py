"""What a private key looks like in a file, in all the forms in which programs of a board write one."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

from cryptography.hazmat.primitives.serialization import load_der_private_key

# As people and programs write it: what follows the line is the key. Programs that write keys have the line alone.
_PEM = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+(?:[\w-]+: [^\n]*\n)*\s*[A-Za-z0-9+/]{32}")
# As dropbear writes one: the length of its kind, its kind.
_DROPBEAR = tuple(
    len(kind).to_bytes(4, "big") + kind
    for kind in (b"ssh-ed25519", b"ssh-rsa", b"ssh-dss", *(b"ecdsa-sha2-nistp%d" % size for size in (256, 384, 521)))
)
_NAMES = re.compile(
    r"(?:^|/)(?:[^/]*\.(?:key|p12|pfx|jks|pk8|keytab)|[^/]*host_key[^/]*|ssh_host_[^/]*|id_(?:rsa|dsa|ecdsa|ed25519)[^/]*"
    r"|secring\.gpg|private-keys-v1\.d|authorized_keys\d?|known_hosts)$"
)


def holds_key(path: str, content: bytes) -> bool:
    """Whether a file is a private key, has one in it, or has a name as only files of keys have."""
    return (
        _NAMES.search(path) is not None
        or content.startswith(_DROPBEAR)
        or _is_der(content)
        or any(_PEM.search(text) for text in readable(content))
    )


def readable(content: bytes) -> Iterator[bytes]:
    """A file as it is, and as it is read where it is packed."""
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)


def _is_der(content: bytes) -> bool:
    # A sequence (ASN.1), and no longer than keys are.
    if content[:1] != b"\x30" or len(content) > 20_000:
        return False
    try:
        load_der_private_key(content, None)
    except TypeError:
        # One with a password.
        return True
    except ValueError:
        return False
    return True
