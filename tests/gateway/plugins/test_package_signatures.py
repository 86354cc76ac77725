"""Whose packages are taken: those the configuration names, for what they signed as a package."""

from __future__ import annotations

import base64
import json

import pytest

from gateway.plugins.refusal import PackageError
from gateway.plugins.signature import DOMAIN, Signer, sign, signers_by_id
from tests.gateway.plugins.making import (
    FILES,
    KEY,
    OTHER_KEY,
    PUBLIC,
    entry,
    head,
    manifest,
    package,
    read,
    tar,
    zipped,
)

SOUND = package()


def signed_with(signature: bytes) -> bytes:
    files = [entry(name, content) for name, content in FILES.items()]
    return zipped(tar([head()[0], entry("manifest.sig", signature), *files]))


def test_only_the_signature_of_somebody_trusted_counts() -> None:
    written = manifest()
    with pytest.raises(PackageError) as refused:
        read(signed_with(sign(written, OTHER_KEY)))
    assert (refused.value.word, "[[plugin.publisher]]" in str(refused.value)) == ("unknown_signer", True)
    with pytest.raises(PackageError) as refused:
        read(signed_with(sign(written + b" ", KEY)))
    assert refused.value.word == "bad_signature"
    # Somebody who calls another's key by the name of one that is trusted.
    forged = sign(written, OTHER_KEY).replace(
        next(iter(signers_by_id([Signer("", OTHER_KEY.public_key().public_bytes_raw())]))).encode(),
        next(iter(signers_by_id([Signer("", PUBLIC)]))).encode(),
    )
    with pytest.raises(PackageError) as refused:
        read(signed_with(forged))
    assert refused.value.word == "bad_signature"
    with pytest.raises(PackageError) as refused:
        read(SOUND, signers={})
    assert refused.value.word == "unknown_signer"


def test_what_was_signed_for_another_purpose_is_no_package() -> None:
    raw = KEY.sign(manifest())
    other = json.loads(sign(manifest(), KEY))
    other["signature"] = base64.b64encode(raw).decode()
    with pytest.raises(PackageError) as refused:
        read(signed_with(json.dumps(other).encode()))
    assert refused.value.word == "bad_signature"
    assert DOMAIN.endswith(b"\0")


@pytest.mark.parametrize("signature", [b"", b"{}", b"[]", b'{"key_id": 1}', b"\xff", b'{"key_id":"a","signature":"-"}'])
def test_what_is_no_signature_is_said_to_be_none(signature: bytes) -> None:
    with pytest.raises(PackageError) as refused:
        read(signed_with(signature))
    assert refused.value.word == "bad_signature"
