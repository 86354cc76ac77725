"""Checksums of what a build gives out, signed: who has the authority's certificate sees whether a file is ours.

One command tells that the list is ours, and another that the files are those of the list (``image/README.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from image.signing import Signing
from systemd.debian.cache import digest
from systemd.debian.stop import BuildError

SUMS = "SHA256SUMS"
SIGNATURE = f"{SUMS}.p7s"


def write_checksums(files: Sequence[Path], signing: Signing) -> tuple[Path, Path]:
    """Write ``SHA256SUMS`` and ``SHA256SUMS.p7s`` beside files.

    Args:
        files: all in one directory: the list names no other.
        signing: who vouches for them.

    Returns:
        The list as ``sha256sum`` reads it, and its signature (CMS without the content, DER).

    Raises:
        BuildError: the files lie in several directories, or what signs is no key of ours.
    """
    places = {path.absolute().parent for path in files}
    if len(places) != 1:
        raise BuildError(f"checksums are of files in one directory, not of {', '.join(map(str, files)) or 'none'}")
    [place] = places
    # Each way of giving them gives the same list.
    content = "".join(f"{digest(path)}  {path.name}\n" for path in sorted(files, key=lambda path: path.name)).encode()
    signature = _signed(content, signing)
    sums, beside = place / SUMS, place / SIGNATURE
    # Never an old signature beside a new list, also where the build ends here.
    beside.unlink(missing_ok=True)
    sums.write_bytes(content)
    beside.write_bytes(signature)
    return sums, beside


def _signed(content: bytes, signing: Signing) -> bytes:
    certificate = x509.load_pem_x509_certificate(signing.certificate.read_bytes())
    key = serialization.load_pem_private_key(signing.key.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise BuildError(f"{signing.key} is not the key of {signing.certificate.name}: put there the one that is")
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(serialization.Encoding.DER, options)
    )
