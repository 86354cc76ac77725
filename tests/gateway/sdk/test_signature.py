"""Signatures of the kit, judged by the manual's example, by joserfc and by the gateway."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from gateway.access.keys import RootKey
from gateway.access.signature import CardSignatures
from gateway.core.errors import GatewayError
from gateway.core.principal import AgentKey
from gateway.sdk.ferrule_client import ConfigurationError, Ed25519Key, SharedSecret, encoding
from gateway.sdk.ferrule_client.signature import sign_card, signed_form

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

MANUAL = (Path(__file__).parents[3] / "docs" / "agents.md").read_text()
NOW = 1_800_000_000
CARD: dict[str, Any] = {
    "agentId": "a-1",
    "name": "Wärme 🌡",
    "capabilities": [{"id": "t", "parameters": [{"minimum": 0.5, "maximum": 1e21}]}],
    "lastSeen": "2026-11-22T08:00:00Z",
    "metadata": {"location": "hall 3", "signatures": ["none of ours"]},
}


def pem(private: Any) -> bytes:
    content: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return content


def test_the_worked_example_of_the_manual() -> None:
    blocks = re.findall(r"```(?:json)?\n(.*?)\n```", MANUAL.partition("With this secret")[2], re.DOTALL)
    secret, card, form, header, signature = blocks[:5]
    given = json.loads(header)
    assert signed_form(json.loads(card)) == form.encode()
    made = sign_card(json.loads(card), SharedSecret(given["kid"], secret), given["iat"], given["nonce"])
    assert made == signature


def test_the_gateway_takes_a_shared_secret() -> None:
    root = RootKey(bytes(32))
    gateway = CardSignatures(root, lambda: NOW, lambda: True, lambda: 0.0)
    key = SharedSecret("kid-1", encoding.encode(root.agent_secret("a-1", "kid-1")))
    signature = sign_card(CARD, key, NOW)
    gateway.check(signature, CARD, "a-1", AgentKey("kid-1"))
    changed = {**CARD, "name": "another"}
    with pytest.raises(GatewayError, match="does not fit"):
        gateway.check(sign_card(CARD, key, NOW), changed, "a-1", AgentKey("kid-1"))


def test_the_gateway_takes_a_pinned_key() -> None:
    private = Ed25519PrivateKey.generate()
    gateway = CardSignatures(RootKey(bytes(32)), lambda: NOW, lambda: True, lambda: 0.0)
    pinned = AgentKey("kid-2", private.public_key().public_bytes_raw())
    for form in (pem(private), pem(private).decode(), private.private_bytes_raw()):
        gateway.check(sign_card(CARD, Ed25519Key("kid-2", form), NOW), CARD, "a-1", pinned)


def test_no_two_signatures_are_the_same() -> None:
    key = SharedSecret("kid-1", bytes(32))
    assert sign_card(CARD, key, NOW) != sign_card(CARD, key, NOW)


def test_another_library_reads_them() -> None:
    private = Ed25519PrivateKey.generate()
    secret = bytes(range(32))
    okp = OKPKey.import_key(pem(private))
    signed = {name: value for name, value in CARD.items() if name != "lastSeen"}
    signed["metadata"] = {"location": "hall 3"}
    pairs: list[tuple[Any, Any, str]] = [
        (SharedSecret("k", secret), OctKey.import_key(secret), "HS256"),
        (Ed25519Key("k", pem(private)), okp, "EdDSA"),
    ]
    for ours, theirs, algorithm in pairs:
        signature = sign_card(CARD, ours, NOW)
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        header, _, proof = signature.partition("..")
        whole = f"{header}.{encoding.encode(rfc8785.dumps(signed))}.{proof}"
        assert jws.deserialize_compact(whole, theirs, registry=registry).headers()["kid"] == "k"


def test_keys_come_from_files(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    path = tmp_path / "key.pem"
    path.write_bytes(pem(private))
    assert Ed25519Key("k", path).sign(b"x") == private.sign(b"x")
    with pytest.raises(ConfigurationError, match="No such file"):
        Ed25519Key("k", tmp_path / "missing.pem")


@pytest.mark.parametrize("secret", ["", "short", b"too few bytes", "A" * 42 + "B", "ä" * 43])
def test_what_is_no_secret_is_refused(secret: str | bytes) -> None:
    with pytest.raises(ConfigurationError, match="secret"):
        SharedSecret("k", secret)


def test_what_is_no_private_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="PEM"):
        Ed25519Key("k", "no key")
    with pytest.raises(ConfigurationError, match="Ed25519"):
        Ed25519Key("k", pem(generate_private_key(SECP256R1())))


def test_keys_do_not_show_themselves() -> None:
    assert "AAAA" not in repr(SharedSecret("k", "A" * 43))
    assert "\\x07" not in repr(SharedSecret("k", bytes([7]) * 32))
    assert "BEGIN" not in repr(Ed25519Key("k", pem(Ed25519PrivateKey.generate())))
