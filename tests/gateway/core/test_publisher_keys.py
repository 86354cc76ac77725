"""Keys of publishers in both forms, and none that fits every signature."""

from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.publisher_keys import key_id, read_public_key


@given(st.binary(min_size=32, max_size=32))
def test_both_forms_give_the_same_key(seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    bare = base64.b64encode(key).decode()
    minisign = base64.b64encode(b"Ed" + b"12345678" + key).decode()
    assert read_public_key(bare) == read_public_key(minisign) == key
    assert len(key_id(key)) == 16


# RFC 8032, 7.1, test 1.
PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def test_a_key_of_the_specification_is_taken() -> None:
    raw = read_public_key(PUBLIC)
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, b"")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 bytes"),
        ("!!", "no base64"),
        ("AAAA", "has 3 bytes"),
        (base64.b64encode(b"RW" + bytes(40)).decode(), "has 42 bytes"),
        ("untrusted comment: minisign public key 0123", "no base64"),
    ],
)
def test_what_is_no_key_is_told_how_to_write_one(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        read_public_key(text)
    assert "minisign .pub file" in str(refused.value)


# All encodings of points of small order (Chalkias, Garillot and Nikolaenko, 2020, table 6a).
SMALL = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("key", SMALL)
def test_a_key_that_fits_every_signature_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no key of anybody"):
        read_public_key(base64.b64encode(bytes.fromhex(key)).decode())


def test_why_such_keys_are_refused() -> None:
    """The neutral point: one signature fits every message."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(SMALL[0])).verify(bytes([1]) + bytes(63), b"whatever")
    except InvalidSignature:
        pytest.skip("this library refuses them by itself")
