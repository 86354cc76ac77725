"""Who vouches for updates and checksums: an authority that boards know, and the key it lets sign."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from systemd.debian.stop import BuildError

VARIABLE = "FERRULE_SIGNING"
# A board without a clock may think it is any year of these; the authority ends by being taken from the image.
_BEGIN, _END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Signing:
    """What signs, and what boards hold it against.

    Attributes:
        directory: where it lies, for its owner alone.
    """

    directory: Path

    @property
    def authority(self) -> Path:
        """The certificate that is on the image, PEM."""
        return self.directory / "authority.pem"

    @property
    def certificate(self) -> Path:
        """Of the key that signs, PEM; the authority vouches for it."""
        return self.directory / "signer.pem"

    @property
    def key(self) -> Path:
        """The key that signs, PEM. Without it nobody can make updates for boards that are out."""
        return self.directory / "signer.key"


def signing_directory() -> Path:
    """Where it lies: ``$FERRULE_SIGNING``, else in the user's configuration."""
    if named := os.environ.get(VARIABLE):
        return Path(named).absolute()
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "ferrule" / "signing"


def signing(directory: Path) -> tuple[Signing, bool]:
    """What lies in a directory, or is made there.

    Args:
        directory: for it.

    Returns:
        It, and whether it was made now.

    Raises:
        BuildError: parts of it are there, and others are not.
    """
    found = Signing(directory)
    parts = (found.authority, found.certificate, found.key)
    there = [path for path in parts if path.is_file()]
    if len(there) == len(parts):
        return found, False
    if there:
        lacking = ", ".join(path.name for path in parts if path not in there)
        raise BuildError(
            f"{directory} has {there[0].name}, and not {lacking}. Put it there, or name another: {VARIABLE}"
        )
    _make(found)
    return found, True


def _make(wanted: Signing) -> None:
    wanted.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ours, theirs = _name("Ferrule updates, authority"), _name("Ferrule updates, signer")
    authority = (
        _begun(ours, ours, root.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(root, hashes.SHA256())
    )
    signer = (
        _begun(theirs, ours, leaf.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        # What OpenSSL asks of who signs a message (CMS).
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root, hashes.SHA256())
    )
    # The authority's own key lets another signer follow; it is better kept elsewhere.
    _write(wanted.directory / "authority.key", _private(root))
    _write(wanted.key, _private(leaf))
    _write(wanted.certificate, signer.public_bytes(serialization.Encoding.PEM))
    _write(wanted.authority, authority.public_bytes(serialization.Encoding.PEM))


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(content)
