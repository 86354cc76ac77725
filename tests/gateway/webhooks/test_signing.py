"""What is sent for an event, and its proofs (ruling 6, D-138, D-140 to D-143)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.core.errors import Code, GatewayError
from gateway.core.events import Event
from gateway.webhooks.signing import LARGEST_BODY, Secret, TooLargeError, new_secret, pack, parse_secret

SECRET = Secret("webhook-secret-here")
AT = 1768309200.0


def event(data: dict[str, object] | None = None, **members: object) -> Event:
    found: dict[str, object] = {
        "id": "019bb7a6-0000-7000-8000-000000000001",
        "gateway": "ferrule-0011223344556677",
        "sequence": 7,
        "type": "plugin:installed",
        "time": AT + 0.75,
        "clock": "synchronised",
        "data": data if data is not None else {"plugin_id": "new-plugin", "version": "1.0.0", "installed_by": "u"},
        **members,
    }
    return Event(**found)  # type: ignore[arg-type] # as written above


def test_the_body_is_that_of_the_reference_and_says_a_little_more() -> None:
    parcel = pack(event(), "wh-1", [SECRET], attempt=1, sent=AT + 5)
    body = json.loads(parcel.body)
    assert re.fullmatch("sha256=[0-9a-f]{64}", body.pop("signature"))
    assert body == {
        "webhook_id": "wh-1",
        "event_type": "plugin:installed",
        "timestamp": "2026-01-13T13:00:00Z",
        "data": {"plugin_id": "new-plugin", "version": "1.0.0", "installed_by": "u"},
        "attempt": 1,
        "delivered_at": "2026-01-13T13:00:05Z",
        "event_id": "019bb7a6-0000-7000-8000-000000000001",
        "gateway": "ferrule-0011223344556677",
        "seq": 7,
        "clock": "synchronised",
    }


def test_the_headers_are_signed_as_their_standards_say() -> None:
    parcel = pack(event(), "wh-1", [SECRET], attempt=1, sent=AT + 5.9)
    headers = dict(parcel.headers)
    signed = b"019bb7a6-0000-7000-8000-000000000001.1768309205." + parcel.body
    proof = base64.b64encode(hmac.digest(SECRET.text.encode(), signed, "sha256")).decode()
    assert headers == {
        "content-type": "application/json",
        "webhook-id": "019bb7a6-0000-7000-8000-000000000001",
        "webhook-timestamp": "1768309205",
        "webhook-signature": f"v1,{proof}",
        "x-hub-signature-256": "sha256=" + hmac.digest(SECRET.text.encode(), parcel.body, "sha256").hex(),
        "ce-specversion": "1.0",
        "ce-id": "019bb7a6-0000-7000-8000-000000000001",
        "ce-source": "/gateways/ferrule-0011223344556677",
        "ce-type": "plugin:installed",
        "ce-time": "2026-01-13T13:00:00.750Z",
    }


def test_the_bodys_own_signature_can_be_cut_out_of_its_bytes() -> None:
    tricky: dict[str, object] = {"note": '"signature":"sha256=' + "0" * 64 + '",', "timestamp": "x"}
    body = pack(event(tricky), "wh-1", [SECRET], attempt=1, sent=AT).body
    start = body.rindex(b'"signature":"sha256=')
    proof = body[start + 20 : start + 84].decode()
    rest = body[:start] + body[start + 86 :]
    assert proof == hmac.new(SECRET.text.encode(), rest, hashlib.sha256).hexdigest()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_whatever_the_data_the_body_is_json_and_proven(data: dict[str, object]) -> None:
    parcel = pack(event(data), "wh-1", [SECRET], attempt=2, sent=AT)
    body = json.loads(parcel.body.decode())
    assert len(body["data"]) <= len(data)
    proof = re.search(rb'"signature":"sha256=([0-9a-f]{64})","timestamp":"[^"]*","webhook_id":"wh-1"}$', parcel.body)
    assert proof is not None
    cut = parcel.body[: proof.start()] + parcel.body[proof.start() + 86 :]
    assert hmac.new(SECRET.text.encode(), cut, hashlib.sha256).hexdigest() == proof[1].decode()


def test_what_json_does_not_carry_exactly_is_text_or_null() -> None:
    data: dict[str, object] = {
        "count": 2**64 - 1,
        "small": 2**53 - 1,
        "odd": float("nan"),
        "flag": True,
        "list": [2**60],
    }
    body = json.loads(pack(event(data), "w", [SECRET], attempt=1, sent=AT).body)
    assert body["data"] == {
        "count": "18446744073709551615",
        "small": 2**53 - 1,
        "odd": None,
        "flag": True,
        "list": ["1152921504606846976"],
    }


def test_each_attempt_says_its_number_and_time_and_keeps_the_id() -> None:
    first = pack(event(), "w", [SECRET], attempt=1, sent=AT)
    second = pack(event(), "w", [SECRET], attempt=2, sent=AT + 60)
    assert dict(first.headers)["webhook-id"] == dict(second.headers)["webhook-id"]
    assert dict(first.headers)["webhook-signature"] != dict(second.headers)["webhook-signature"]
    assert json.loads(second.body)["attempt"] == 2


def test_two_secrets_sign_while_one_takes_over_from_the_other() -> None:
    old, new = Secret("the-old-secret-of-it"), new_secret()
    # The library compares with its own clock.
    now = time.time()
    parcel = pack(event(), "w", [new, old], attempt=1, sent=now)
    headers = dict(parcel.headers)
    for secret in (old, new):
        Webhook(secret.shown_once).verify(parcel.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret().shown_once).verify(parcel.body, headers)
    # GitHub's header has room for one.
    assert headers["x-hub-signature-256"][7:] == hmac.digest(new.text.encode(), parcel.body, "sha256").hex()


def test_a_cloud_event_is_one() -> None:
    parcel = pack(event(routing_key="plant.one"), "w", [SECRET], attempt=3, sent=AT, format_="cloudevents")
    assert dict(parcel.headers)["content-type"] == "application/cloudevents+json"
    assert not [name for name, _ in parcel.headers if name.startswith("ce-")]
    assert json.loads(parcel.body) == {
        "specversion": "1.0",
        "id": "019bb7a6-0000-7000-8000-000000000001",
        "source": "/gateways/ferrule-0011223344556677",
        "type": "plugin:installed",
        "time": "2026-01-13T13:00:00.750Z",
        "datacontenttype": "application/json",
        "data": {"plugin_id": "new-plugin", "version": "1.0.0", "installed_by": "u"},
        "sequence": "7",
        "clock": "synchronised",
        "routingkey": "plant.one",
    }


def test_more_than_a_receiver_is_expected_to_take_is_not_sent() -> None:
    with pytest.raises(TooLargeError, match="65536"):
        pack(event({"text": "x" * LARGEST_BODY}), "w", [SECRET], attempt=1, sent=AT)


def test_a_secret_is_in_no_text() -> None:
    parcel = pack(event(), "w", [SECRET], attempt=1, sent=AT)
    for text in (repr(SECRET), str(SECRET), f"{SECRET}", repr([SECRET]), repr(parcel)):
        assert "webhook-secret-here" not in text


@pytest.mark.parametrize(
    "text",
    [
        "webhook-secret-here",
        "x" * 16,
        "x" * 256,
        "whsec_" + base64.b64encode(bytes(24)).decode(),
        "whsec_" + base64.b64encode(bytes(64)).decode(),
    ],
)
def test_secrets_that_are_taken(text: str) -> None:
    secret = parse_secret(text)
    assert base64.b64decode(secret.shown_once.removeprefix("whsec_")) == secret.key


@pytest.mark.parametrize(
    "text",
    ["", "short", "x" * 15, "x" * 257, "sécret-sécret-sécret", "line\nline-line-line", "whsec_!!!!"]
    + ["whsec_" + base64.b64encode(bytes(count)).decode() for count in (0, 23, 65)],
)
def test_secrets_that_are_not_taken_are_not_repeated(text: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parse_secret(text)
    assert (refused.value.code, refused.value.field, refused.value.provided) == (Code.INVALID, "secret", None)
    assert text in ("", "whsec_") or text not in refused.value.reason


def test_a_new_secret_is_new_and_long_enough() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(first.key) == 32
    assert first.shown_once == first.text
