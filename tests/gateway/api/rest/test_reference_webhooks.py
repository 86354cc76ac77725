"""The reference's examples of webhooks, replayed literally; what differs is in a table with its ruling (ruling 25).

Signatures, retries and tracking (WH-21 to WH-24): tests/gateway/webhooks.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

import httpx
import pytest
import rfc8785

from gateway.core import rfc3339
from gateway.core.events import Event
from gateway.webhooks.signing import Secret, pack
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

# S1, "Base Configuration": what every request of the reference carries.
HEADERS = {"Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json"}
# S1, "Webhook Registration": the request as it stands there.
REGISTER = """
{
  "data": {
    "url": "https://myapp.com/webhooks/agent-events",
    "events": [
      "plugin:installed",
      "message:received",
      "system:alert"
    ],
    "secret": "webhook-secret-here",
    "active": true,
    "retry_policy": {
      "max_attempts": 5,
      "backoff_multiplier": 2,
      "initial_delay": 1
    }
  }
}
"""
# What differs from the reference, or goes beyond it: the member, the status, or the header.
DEVIATIONS = {
    "secret": "D-141: write-only; signing_secret has it once, in the form libraries take",
    "status 201 and Location": "D-007: the reference shows no answers to these requests; RFC 9110, 15.3.2",
    "content-type application/json": "ruling 8: these paths answer with the reference's envelope, which is no JSON:API",
    "url": "ruling 5: a public host is refused with 403 unless [[webhook.allow]] names it",
    "+id": "S1 has it in PUT /webhooks/{id}",
    "+filter": "D-123: an addition",
    "+description": "an addition",
    "+format": "D-138: an addition",
    "+ordered": "D-147: no order is promised unless it is asked for",
    "+state": "D-146: an addition",
    "+reason": "D-146: why it was deactivated",
    "+owner": "D-149: whose scopes decide what is delivered",
    "+scopes": "D-149: those scopes",
    "+created_at": "an addition, as other resources of the reference have it",
    "+updated_at": "the same",
    "+previous_secret_until": "D-142: rotation",
    "+failing_for": "ruling 19: three days without one success",
    "+lost": "ruling 19: what the quota took is counted",
    "+seq": "ruling 19: the cursor",
    "+newest_seq": "ruling 19: the log",
    "+replaying": "D-146: redelivery",
    "+deliveries": "D-146: delivery tracking",
    "+signing_secret": "D-141: once",
}

# S1, "Webhook Payload Format", as it stands there.
PAYLOAD = """
{
  "webhook_id": "webhook-123",
  "event_type": "plugin:installed",
  "timestamp": "2026-01-13T13:00:00Z",
  "signature": "sha256=signature-here",
  "data": {
    "plugin_id": "new-plugin",
    "version": "1.0.0",
    "installed_by": "user-456"
  },
  "attempt": 1,
  "delivered_at": "2026-01-13T13:00:05Z"
}
"""
PAYLOAD_DEVIATIONS = {
    "signature": "D-140: of the body without this member, in hexadecimal; the headers are those to verify",
    "+event_id": "ruling 6: the same as the header webhook-id, over all attempts",
    "+gateway": "ruling 11",
    "+seq": "ruling 11",
    "+clock": "ruling 22",
}


@pytest.fixture
async def seed(gateway: Rig) -> httpx.AsyncClient:
    """A client as the reference has it: its base path and headers, and a token."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway.app),
        base_url="https://api.agent-cellphone-v2.com/v1",
        headers=HEADERS | gateway.bearer("webhooks:read", "webhooks:write"),
    )


def check(shown: dict[str, Any], sent: dict[str, Any]) -> None:
    """Hold an answer against what was sent: every member literally, and no other than those of the table."""
    members = {name: value for name, value in sent.items() if name != "secret"}
    assert {name: shown[name] for name in members} == members
    assert {f"+{name}" for name in shown.keys() - members.keys()} <= DEVIATIONS.keys()
    assert "secret" not in shown


async def test_wh_01_to_09_registering(services: Services, seed: httpx.AsyncClient) -> None:
    response = await seed.post("/webhooks", content=REGISTER)
    assert response.status_code == 201, response.text
    assert response.headers["content-type"] == "application/json"
    sent = json.loads(REGISTER)["data"]
    check(response.json()["data"], sent)
    id_ = response.json()["data"]["id"]
    assert response.headers["location"] == f"/v1/webhooks/{id_}"
    assert services.webhooks.secrets[id_] == sent["secret"]


async def test_wh_10_to_12_listing_updating_removing(seed: httpx.AsyncClient) -> None:
    id_ = (await seed.post("/webhooks", content=REGISTER)).json()["data"]["id"]
    listed = (await seed.get("/webhooks")).json()
    assert [row["id"] for row in listed["data"]] == [id_]
    assert listed["meta"] == {"total": 1, "page": 1, "per_page": 25}
    sent = json.loads(REGISTER)["data"] | {"active": False, "events": ["plugin:*"]}
    updated = await seed.put(f"/webhooks/{id_}", content=json.dumps({"data": sent}))
    assert updated.status_code == 200
    check(updated.json()["data"], sent)
    removed = await seed.delete(f"/webhooks/{id_}")
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await seed.get(f"/webhooks/{id_}")).status_code == 404


async def test_who_speaks_json_api_gets_its_errors_so(seed: httpx.AsyncClient) -> None:
    """D-007: the reference's own headers name JSON:API alone."""
    response = await seed.post("/webhooks", content=REGISTER.replace("plugin:installed", "plugin:nothing"))
    assert (response.status_code, response.headers["content-type"]) == (422, "application/vnd.api+json")
    [error] = response.json()["errors"]
    assert error["source"] == {"pointer": "/data/events/0"}


async def test_every_deviation_of_the_table_is_one(seed: httpx.AsyncClient) -> None:
    """A row that nothing needs any more fails."""
    shown = (await seed.post("/webhooks", content=REGISTER)).json()["data"]
    assert {row.removeprefix("+") for row in DEVIATIONS if row.startswith("+")} == (
        shown.keys() - json.loads(REGISTER)["data"].keys()
    )


def test_wh_13_to_20_what_a_receiver_gets() -> None:
    wanted = json.loads(PAYLOAD)
    happened, sent = (rfc3339.parse(wanted[name]) for name in ("timestamp", "delivered_at"))
    event = Event("event-1", "rig", 7, wanted["event_type"], happened, "synchronised", wanted["data"])
    parcel = pack(event, wanted["webhook_id"], [Secret("webhook-secret-here")], attempt=1, sent=sent)
    body = json.loads(parcel.body)
    assert {f"+{name}" for name in body.keys() - wanted.keys()} == {
        row for row in PAYLOAD_DEVIATIONS if row.startswith("+")
    }
    assert {name for name in wanted if body[name] != wanted[name]} == {"signature"}
    assert body["event_id"] == dict(parcel.headers)["webhook-id"]
    proven = rfc8785.dumps({name: value for name, value in body.items() if name != "signature"})
    expected = hmac.digest(b"webhook-secret-here", proven, "sha256").hex()
    assert body["signature"] == wanted["signature"].replace("signature-here", expected)
