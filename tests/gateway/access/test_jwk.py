"""Ed25519 public keys in the forms operators have them in."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc.jwk import ECKey, OKPKey

from gateway.access.jwk import PublicKeyError, from_jwk, read_public_key, to_jwk

PAIR = OKPKey.generate_key("Ed25519")
PUBLIC = bytes(PAIR.public_key.public_bytes_raw())


def test_the_key_of_rfc_8037() -> None:
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert from_jwk(jwk) == public
    assert to_jwk(public) == jwk


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps(PAIR.as_dict(private=False)).encode(), id="JWK"),
        pytest.param(PAIR.as_pem(private=False), id="PEM"),
        pytest.param(str(PAIR.as_dict(private=False)["x"]).encode() + b"\n", id="base64url"),
    ],
)
def test_a_key_is_read_in_every_form(content: bytes) -> None:
    assert read_public_key(content) == PUBLIC


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(json.dumps(PAIR.as_dict(private=True)).encode(), "private key", id="private JWK"),
        pytest.param(
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "private key",
            id="private PEM",
        ),
        pytest.param(ECKey.generate_key("P-256").as_pem(private=False), "no Ed25519", id="another curve"),
        pytest.param(json.dumps({"kty": "OKP", "crv": "X25519", "x": "A" * 43}).encode(), "Ed25519", id="X25519"),
        pytest.param(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}).encode(), "32 bytes", id="short"),
        pytest.param(b'{"kty": ', "no JSON", id="half a JWK"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no Ed25519", id="no key"),
        pytest.param(b"", "32 bytes", id="nothing"),
        pytest.param(b"\xff\xfe", "no JWK", id="bytes"),
        pytest.param(b"A" * 42 + b"!", "32 bytes", id="other letters"),
    ],
)
def test_what_is_no_public_key_is_refused_with_the_cure(content: bytes, reason: str) -> None:
    with pytest.raises(PublicKeyError, match=reason):
        read_public_key(content)


def test_openssh_forms_are_not_taken_for_ours() -> None:
    ssh = PAIR.public_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    with pytest.raises(PublicKeyError):
        read_public_key(ssh)
