"""Where it is asserted that no key is on an image, each kind of key would be found."""

from __future__ import annotations

import gzip
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from .keys import holds_key

OPEN, LOCKED = NoEncryption(), BestAvailableEncryption(b"correct horse")
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
PEM = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, OPEN)
PUBLIC = EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PEM, id="pem"),
        pytest.param(PEM.replace(b"\n", b"\r\n"), id="pem of windows"),
        pytest.param(b"# mine\nkey = '''" + PEM + b"'''\n", id="pem in a file"),
        pytest.param(gzip.compress(b"kept:\n" + PEM), id="packed pem"),
        pytest.param(RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, OPEN), id="traditional"),
        pytest.param(RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, LOCKED), id="with headers"),
        pytest.param(RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, LOCKED), id="pem with a password"),
        pytest.param(ED.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, OPEN), id="openssh"),
        pytest.param(EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, OPEN), id="der"),
        pytest.param(EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, LOCKED), id="der with a password"),
        pytest.param(RSA.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, OPEN), id="traditional der"),
        pytest.param(b"\0\0\0\x0bssh-ed25519\0\0\0\x40" + bytes(64), id="dropbear"),
    ],
)
def test_a_key_is_found(content: bytes) -> None:
    assert holds_key("usr/share/harmless", content)


@pytest.mark.parametrize(
    "path", ["etc/ssl/private/server.key", "etc/dropbear/dropbear_ed25519_host_key", "root/.ssh/id_rsa", "a/b.p12"]
)
def test_a_name_of_a_key_is_found(path: str) -> None:
    assert holds_key(path, b"")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PUBLIC, id="public"),
        pytest.param(EC.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), id="public der"),
        pytest.param(b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI technician", id="public openssh"),
        pytest.param(re.sub(rb"\n.*", b"", PEM) + b"\0-----END PRIVATE KEY-----\0", id="a program that writes keys"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_secret_is_not_taken_for_one(content: bytes) -> None:
    assert not holds_key("etc/rauc/authority.pem", content)
