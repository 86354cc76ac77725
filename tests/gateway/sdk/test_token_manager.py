"""Tokens between agents: what counts, what does not; made and read by joserfc as well."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from gateway.sdk.ferrule_client import ConfigurationError, TokenError, TokenManager, encoding

SECRET = bytes(range(32))
NOW = 1_800_000_000
CARD: dict[str, Any] = {
    "agentId": "my-agent-001",
    "capabilities": [{"id": "serial-read"}, {"id": "modbus-rtu"}, {"id": "more"}],
}
GOOD: dict[str, Any] = {
    "sub": "my-agent-001",
    "aud": "agents",
    "cap": ["serial-read"],
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 3600,
    "jti": "x",
}


def manager(now: float = NOW, audience: str = "agents", secret: bytes | str = SECRET) -> TokenManager:
    return TokenManager(secret, audience=audience, clock=lambda: now)


def forge(claims: dict[str, Any], *, secret: bytes = SECRET, **header: Any) -> str:
    """A token as another library makes it."""
    algorithm = header.get("alg", "HS256")
    return jwt.encode(
        {"alg": "HS256", "typ": "agent+jwt", **header}, claims, OctKey.import_key(secret), algorithms=[algorithm]
    )


def test_the_example_of_the_reference() -> None:
    token = manager().generate("my-agent-001", ["serial-read", "modbus-rtu"], expires_in=3600)
    assert manager().validate(token, CARD)
    claims = manager().prove(token, CARD)
    assert (claims.agent_id, claims.capabilities, claims.expires) == (
        "my-agent-001",
        frozenset({"serial-read", "modbus-rtu"}),
        NOW + 3600,
    )


def test_another_library_reads_ours_and_we_read_its() -> None:
    token = manager().generate("my-agent-001", ["serial-read"])
    read = jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert (read.claims["sub"], read.header["typ"]) == ("my-agent-001", "agent+jwt")
    assert manager().validate(forge(GOOD), CARD)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"aud": "others"}, "aud"),
        ({"aud": ["agents"]}, "aud"),
        ({"sub": "another"}, "another agent"),
        ({"sub": None}, "sub"),
        ({"cap": ["admin"]}, "admin"),
        ({"cap": "serial-read"}, "cap"),
        ({"cap": None}, "cap"),
        ({"exp": NOW - 61, "nbf": NOW - 100}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": float(NOW + 10)}, "exp"),
        ({"exp": True}, "exp"),
        ({"nbf": NOW + 61}, "nbf"),
        ({"nbf": None}, "nbf"),
        ({"exp": NOW + 90_000}, "longer"),
        ({"jti": 7}, "jti"),
    ],
)
def test_a_claim_that_does_not_fit_refuses_the_token(change: dict[str, Any], why: str) -> None:
    token = forge({**GOOD, **change})
    assert not manager().validate(token, CARD)
    with pytest.raises(TokenError, match=why):
        manager().prove(token, CARD)


def test_a_minute_between_two_clocks_is_forgiven() -> None:
    token = manager().generate("my-agent-001", [], expires_in=100)
    assert manager(NOW - 60).validate(token, CARD)
    assert manager(NOW + 159).validate(token, CARD)
    assert not manager(NOW + 160).validate(token, CARD)
    assert not manager(NOW - 61).validate(token, CARD)


@pytest.mark.parametrize(
    "header",
    [{"alg": "HS384"}, {"alg": "HS512"}, {"typ": "JWT"}, {"typ": "a2a+jwt"}, {"kid": "k"}, {"jwk": {}}, {"crit": []}],
)
def test_another_header_refuses_the_token(header: dict[str, Any]) -> None:
    whole = {"alg": "HS256", "typ": "agent+jwt", **header}
    signed = f"{encoding.encode(json.dumps(whole).encode())}.{encoding.encode(json.dumps(GOOD).encode())}"
    token = f"{signed}.{encoding.encode(hmac.digest(SECRET, signed.encode(), 'sha256'))}"
    with pytest.raises(TokenError, match="another kind"):
        manager().prove(token, CARD)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_another_algorithm_of_the_same_secret_proves_nothing() -> None:
    long = SECRET * 2
    for algorithm in ("HS384", "HS512"):
        assert not manager(secret=long).validate(forge(GOOD, secret=long, alg=algorithm), CARD)


def test_an_unsigned_token_is_none() -> None:
    head = encoding.encode(b'{"alg":"none","typ":"agent+jwt"}')
    assert not manager().validate(f"{head}.{encoding.encode(json.dumps(GOOD).encode())}.", CARD)


def test_other_secrets_and_audiences_do_not_count() -> None:
    token = manager().generate("my-agent-001", [])
    assert not manager(secret=bytes(32)).validate(token, CARD)
    assert not manager(audience="heater-7").validate(token, CARD)


@given(data=st.data())
@settings(max_examples=150)
def test_no_changed_token_counts(data: st.DataObject) -> None:
    token = manager().generate("my-agent-001", ["serial-read"])
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii", categories=["L", "N", "P"]))
    changed = token[:place] + letter + token[place + 1 :]
    assert manager().validate(changed, CARD) == (changed == token)


@given(token=st.text())
def test_what_is_no_token_is_none(token: str) -> None:
    assert not manager().validate(token, CARD)


def test_what_was_given_is_checked() -> None:
    with pytest.raises(ConfigurationError, match="32"):
        TokenManager(b"short")
    with pytest.raises(ConfigurationError, match="base64url"):
        TokenManager("no base64url!")
    for life in (0, 86_401):
        with pytest.raises(ConfigurationError, match="expires_in"):
            manager().generate("a", [], life)
    with pytest.raises(ConfigurationError, match="do not fit"):
        manager().generate("a", [f"capability-{number}" for number in range(1000)])
    assert TokenManager(encoding.encode(SECRET), clock=lambda: NOW).validate(
        manager().generate("my-agent-001", []), CARD
    )
