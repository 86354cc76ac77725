"""The gateway's own authority and the server certificate it issues (ruling 16, D-067).

Most starts make none, and need not load what makes them: ``gateway.api.server.issuing`` runs this in a process of its
own, which reads an order from its standard input and writes what it made.
"""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.api.server.issued import Issued, Made, Order

DAY = timedelta(days=1)
LEAF_LIFE = timedelta(days=397)
AUTHORITY_LIFE = timedelta(days=3650)
# Boards without a clock chip start in the past, but never before this software was written.
EARLIEST_NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def make(order: Order) -> Made:
    """A server certificate, and an authority for it where there is none that can be used."""
    why = None
    if order.authority is not None and order.authority_key is not None:
        try:
            return Made(make_leaf(order.authority, order.authority_key, order.names, order.now))
        except ValueError as error:
            why = str(error)
    fresh = make_authority(order.label, order.now)
    return Made(make_leaf(fresh.certificate, fresh.key, order.names, order.now), fresh, why)


def make_authority(label: str, now: float) -> Issued:
    """A new authority: self-signed, P-256, ten years, good for server certificates only.

    Args:
        label: tells this gateway's authority from another's in a list of trusted ones.
        now: Unix seconds.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Ferrule authority of {label} {secrets.token_hex(4)}")
    start = _from(now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _issued(builder.sign(key, hashes.SHA256()), key)


def make_leaf(authority: bytes, authority_key: bytes, names: list[str], now: float) -> Issued:
    """A new server certificate with a new P-256 key: 397 days from yesterday, or as long as its authority lasts.

    Args:
        authority: the authority's certificate, PEM.
        authority_key: its key, PEM.
        names: IP addresses and host names a caller may use; the first becomes the subject.
        now: Unix seconds.

    Raises:
        ValueError: certificate or key of the authority are damaged or do not belong together, or it is not valid now.
    """
    try:
        issuer = x509.load_pem_x509_certificate(authority)
        issuer_key = serialization.load_pem_private_key(authority_key, None)
    except (TypeError, ValueError):
        # What the library says of it is for programmers.
        raise ValueError("the authority's certificate or key is damaged") from None
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey) or issuer_key.public_key() != issuer.public_key():
        raise ValueError("the authority's key is not that of its certificate")
    start = _from(now)
    end = min(start + LEAF_LIFE, issuer.not_valid_after_utc)
    if not issuer.not_valid_before_utc <= start + DAY < end:
        raise ValueError("the authority is not valid now")
    key = ec.generate_private_key(ec.SECP256R1())
    alternative_names: list[x509.GeneralName] = [_alternative(name) for name in names]
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(names[0]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternative_names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return _issued(builder.sign(issuer_key, hashes.SHA256()), key)


def _from(now: float) -> datetime:
    return datetime.fromtimestamp(max(now, EARLIEST_NOW), UTC).replace(microsecond=0) - DAY


def _name(text: str) -> x509.Name:
    # RFC 5280, upper bound of a common name.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _issued(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    return Issued(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
    )


if __name__ == "__main__":
    made = make(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    sys.stdout.buffer.write(msgspec.json.encode(made))
