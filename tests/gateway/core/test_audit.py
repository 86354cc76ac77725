"""What a note may carry into the audit log: no secret, nothing large, nothing that JSON or a terminal cannot hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.core.audit import MOST_CHARACTERS, MOST_DETAILS, WITHHELD, AuditOutcome, entry
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal

ANNA = Principal("anna", frozenset({"devices:write"}), Kind.OPERATOR, "jti-1")


def test_a_verified_caller_is_named_with_kind_and_token() -> None:
    made = entry("tag.write", by=ANNA, claimed="somebody else", peer="192.168.1.7", target="boiler/meter/setpoint")
    assert (made.kind, made.subject, made.token_id) == ("operator", "anna", "jti-1")
    assert (made.peer, made.target, made.outcome) == ("192.168.1.7", "boiler/meter/setpoint", AuditOutcome.DONE)


def test_an_operator_goes_by_the_name_of_its_token() -> None:
    made = entry("tag.write", by=Principal("operator", frozenset(), Kind.OPERATOR, "jti-2", name="anna"))
    assert (made.kind, made.subject) == ("operator", "operator:anna")


def test_what_somebody_claims_to_be_is_never_taken_for_verified() -> None:
    made = entry("auth.token", AuditOutcome.DENIED, claimed="admin", peer="10.0.0.9")
    assert (made.kind, made.subject, made.token_id) == (None, "admin", None)


SECRETS = [
    *("password", "client_secret", "clientSecret", "token", "accessToken", "refresh_token", "Authorization", "key"),
    *("private_key", "apiKey", "signature", "client_assertion", "Set-Cookie", "admin_password_hash", "tokenSecret"),
]


@pytest.mark.parametrize("name", SECRETS)
def test_what_is_named_like_a_secret_is_withheld_at_any_depth(name: str) -> None:
    made = entry(
        "agent.register", details={"card": {"parts": [{name: "hunter2"}], name: ["hunter2", {"a": "hunter2"}]}}
    )
    assert "hunter2" not in json.dumps(made.details)
    assert WITHHELD in json.dumps(made.details)


@pytest.mark.parametrize("name", ["token_id", "kid", "public_key", "publicKey", "keys_rotated", "value", "tokens"])
def test_what_only_sounds_like_a_secret_is_kept(name: str) -> None:
    assert entry("keys.rotate", details={name: "seen"}).details == {name: "seen"}


def test_a_claimed_name_of_a_megabyte_costs_two_hundred_characters() -> None:
    made = entry("auth.token", AuditOutcome.DENIED, claimed="x" * 1_000_000)
    assert made.subject is not None
    assert len(made.subject) == MOST_CHARACTERS
    assert made.subject.endswith("…")


def test_details_that_are_too_large_leave_their_names_and_size() -> None:
    made = entry("modbus.write", details={"values": list(range(1000)), "unit": 3})
    assert made.details["left_out"] == ["unit", "values"]


def test_numbers_that_others_cannot_hold_become_text() -> None:
    made = entry("tag.write", details={"value": float("nan"), "large": 2**60, "small": -(2**52), "on": True})
    assert made.details == {"value": "nan", "large": str(2**60), "small": -(2**52), "on": True}


VALUES: some.SearchStrategy[Json] = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(some.characters()),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(some.characters()), inner),
    max_leaves=40,
)


@given(some.dictionaries(some.text(some.characters()), VALUES))
@settings(max_examples=150)
def test_any_details_become_bounded_json(details: dict[str, Json]) -> None:
    text = json.dumps(entry("a.b", details=details).details, allow_nan=False, ensure_ascii=False)
    assert len(text.encode()) <= MOST_DETAILS
