"""Webhooks over /v1: what is written is what is shown, the secret once, and no change goes over another unseen."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import trio

from gateway.core.audit import AuditOutcome
from gateway.core.principal import Principal
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

HOOK: dict[str, Any] = {"url": "https://10.0.0.9/in", "events": ["device:*"], "secret": "a secret of 16 characters"}


async def made(api: httpx.AsyncClient, **members: Any) -> httpx.Response:
    response = await api.post("/v1/webhooks", json={"data": HOOK | members})
    assert response.status_code == 201, response.text
    return response


async def test_the_secret_is_shown_once_and_kept_from_every_other_answer(
    gateway: Rig, services: Services, api: httpx.AsyncClient
) -> None:
    response = await made(api)
    shown = response.json()["data"]
    assert shown["signing_secret"].startswith("whsec_")
    place = response.headers["location"]
    assert place == f"/v1/webhooks/{shown['id']}"
    changes = {"data": {"description": "x"}}
    for answer in (
        await api.get(place),
        await api.get("/v1/webhooks"),
        await api.patch(place, json=changes),
        await api.put(place, json={"data": HOOK}),
        await api.post(f"{place}/pause"),
    ):
        assert answer.is_success
        assert "signing_secret" not in answer.text
    assert all(HOOK["secret"] not in text for text in (response.text, str(gateway.audit.entries)))
    assert services.webhooks.secrets[shown["id"]] == HOOK["secret"]


async def test_it_is_shown_with_the_scopes_it_carries(gateway: Rig, api: httpx.AsyncClient) -> None:
    place = (await made(api)).headers["location"]
    assert (await api.get(place)).json()["data"]["scopes"] == ["*"]
    headers = gateway.bearer("webhooks:write", "devices:read")
    await api.patch(place, json={"data": {"description": "x"}}, headers=headers)
    [shown] = (await api.get("/v1/webhooks")).json()["data"]
    assert shown["scopes"] == ["devices:read", "webhooks:write"]


async def test_what_is_left_out_has_the_documented_value(api: httpx.AsyncClient) -> None:
    shown = (await made(api)).json()["data"]
    wanted: dict[str, object] = {
        "active": True,
        "retry_policy": None,
        "filter": {},
        "format": "seed",
        "ordered": False,
        "state": "active",
    }
    assert {name: shown[name] for name in wanted} == wanted
    assert shown["created_at"] == "2027-01-15T08:00:00Z"
    partly = (await made(api, retry_policy={"max_attempts": 3})).json()["data"]
    assert partly["retry_policy"] == {"max_attempts": 3, "backoff_multiplier": 2, "initial_delay": 1}


async def test_put_resets_what_is_left_out_and_patch_leaves_it(services: Services, api: httpx.AsyncClient) -> None:
    place = (await made(api, description="first", retry_policy={}, ordered=True)).headers["location"]
    patched = (await api.patch(place, json={"data": {"retry_policy": None}})).json()["data"]
    assert (patched["description"], patched["retry_policy"], patched["ordered"]) == ("first", None, True)
    body = {"data": {"url": HOOK["url"], "events": ["alarm:*"]}}
    replaced = (await api.put(place, json=body)).json()["data"]
    assert (replaced["description"], replaced["ordered"], replaced["events"]) == ("", False, ["alarm:*"])
    assert services.webhooks.secrets[replaced["id"]] == HOOK["secret"]


@pytest.mark.parametrize(
    ("members", "pointer", "words"),
    [
        ({"url": ""}, "/data/url", "length >= 1"),
        ({"url": 7}, "/data/url", "string"),
        ({"events": []}, "/data/events", "length >= 1"),
        ({"events": ["device:up", 7]}, "/data/events/1", "string"),
        ({"events": ["device:up", "plugin:nothing"]}, "/data/events/1", "there is no such type"),
        ({"retry_policy": {"max_attempts": 21}}, "/data/retry_policy/max_attempts", "<= 20"),
        ({"retry_policy": {"max_attempts": 1.5}}, "/data/retry_policy/max_attempts", "whole number"),
        ({"retry_policy": {"initial_delay": 0}}, "/data/retry_policy/initial_delay", ">= 1"),
        ({"retry_policy": {"attempts": 3}}, "/data/retry_policy/attempts", 'did you mean "max_attempts"'),
        ({"format": "xml"}, "/data/format", "there are: seed, cloudevents"),
        ({"active": "yes"}, "/data/active", "boolean"),
        ({"id": "wh-7"}, "/data/id", "there is no such member"),
    ],
)
async def test_what_is_wrong_is_told_by_its_place(
    api: httpx.AsyncClient, members: dict[str, Any], pointer: str, words: str
) -> None:
    response = await api.post("/v1/webhooks", json={"data": HOOK | members})
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["source"] == {"pointer": pointer}
    assert words in error["detail"]


async def test_where_nothing_may_be_sent_to_is_forbidden_and_noted(gateway: Rig, api: httpx.AsyncClient) -> None:
    response = await api.post("/v1/webhooks", json={"data": HOOK | {"url": "https://not-allowed.example/T0/hush"}})
    assert response.status_code == 403
    assert response.json()["errors"][0]["source"] == {"pointer": "/data/url"}
    assert "www-authenticate" not in response.headers
    [noted] = gateway.audit.of("webhook.create")
    assert (noted.outcome, noted.details["host"]) == (AuditOutcome.FAILED, "not-allowed.example")
    assert "hush" not in str(noted), "many receivers have a secret in their URL"
    assert (await api.post("/v1/webhooks", json={"data": HOOK | {"url": "https://[::1"}})).status_code == 201


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_only_who_has_seen_a_webhook_changes_it(api: httpx.AsyncClient, method: str) -> None:
    place = (await made(api)).headers["location"]
    seen = (await api.get(place)).headers["etag"]
    changed = await api.patch(place, json={"data": {"description": "of another"}}, headers={"If-Match": seen})
    assert changed.headers["etag"] != seen
    body = None if method == "DELETE" else json.dumps({"data": HOOK}).encode()
    headers = {"If-Match": seen, "Content-Type": "application/json"}
    late = await api.request(method, place, content=body, headers=headers)
    assert late.status_code == 412
    assert (await api.get(place)).json()["data"]["description"] == "of another"
    now = await api.request(method, place, content=body, headers={**headers, "If-Match": changed.headers["etag"]})
    assert now.is_success


async def test_of_two_changes_at_once_one_is_told_of_the_other(api: httpx.AsyncClient, services: Services) -> None:
    place = (await made(api)).headers["location"]
    seen = (await api.get(place)).headers["etag"]
    get, answers = services.webhooks.get, list[int]()

    async def slow(principal: Principal, id_: str) -> Any:
        found = await get(principal, id_)
        await trio.lowlevel.checkpoint()
        return found

    services.webhooks.get = slow  # type: ignore[method-assign]  # the fake has no way to be slow

    async def change(words: str) -> None:
        answer = await api.patch(place, json={"data": {"description": words}}, headers={"If-Match": seen})
        answers.append(answer.status_code)

    async with trio.open_nursery() as nursery:
        for words in ("one", "other", "third"):
            nursery.start_soon(change, words)
    assert sorted(answers) == [200, 412, 412]


async def test_a_webhook_may_be_written_as_a_resource(api: httpx.AsyncClient) -> None:
    """D-005: the flat form of the reference, and the form of a resource."""
    data = {"type": "webhook", "attributes": HOOK}
    response = await api.post("/v1/webhooks", json={"data": data}, headers={"Content-Type": "application/vnd.api+json"})
    assert response.status_code == 201
    place = response.headers["location"]
    id_ = response.json()["data"]["id"]
    assert (await api.put(place, json={"data": data | {"id": id_}})).status_code == 200
    assert (await api.put(place, json={"data": data | {"id": "wh-9"}})).status_code == 409


async def test_secrets_are_rotated_with_one_of_the_caller_or_a_new_one(
    services: Services, api: httpx.AsyncClient
) -> None:
    place = (await made(api)).headers["location"]
    rotated = (await api.post(f"{place}/rotate-secret")).json()["data"]
    assert rotated["signing_secret"].startswith("whsec_")
    assert rotated["previous_secret_until"] == "2027-01-16T08:00:00Z"
    body = {"data": {"secret": "another secret of mine"}}
    assert (await api.post(f"{place}/rotate-secret", json=body)).status_code == 200
    assert services.webhooks.secrets[rotated["id"]] == "another secret of mine"


async def test_deliveries_are_paged_shown_and_delivered_again(services: Services, api: httpx.AsyncClient) -> None:
    place = (await made(api)).headers["location"]
    first = (await api.get(f"{place}/deliveries?limit=2&status=dead")).json()
    assert [row["id"] for row in first["data"]] == ["dl-3", "dl-2"]
    assert (await api.get(first["links"]["next"])).json()["data"][0]["id"] == "dl-1"
    assert (await api.get(f"{place}/deliveries?status=gone")).status_code == 400
    one = (await api.get(f"{place}/deliveries/dl-1")).json()["data"]
    [attempt] = one["log"]
    assert (attempt["response_status"], attempt["error"], attempt["duration_ms"]) == (500, "it answered 500", 250)
    again = await api.post(f"{place}/deliveries/dl-1/redeliver")
    assert (again.status_code, again.json()["data"]["redelivery"]) == (202, True)
    assert again.headers["location"] == f"{place}/deliveries/dl-9"
    stretch = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-22T01:00:00+01:00"}
    answer = (await api.post(f"{place}/redeliver", json={"data": stretch})).json()["data"]
    assert (answer["events"], answer["end"]) == (12, "2026-11-22T00:00:00Z")
    assert services.webhooks.ranges == [("wh-1", 1795305600.0, 1795305600.0)]


@pytest.mark.parametrize(
    ("start", "end", "pointer"),
    [
        ("yesterday", "2026-11-22T00:00:00Z", "/data/start"),
        ("2026-11-22T00:00:00Z", "2026-11-21T00:00:00Z", "/data/end"),
    ],
)
async def test_a_stretch_of_time_that_is_none_is_refused(
    api: httpx.AsyncClient, start: str, end: str, pointer: str
) -> None:
    place = (await made(api)).headers["location"]
    response = await api.post(f"{place}/redeliver", json={"data": {"start": start, "end": end}})
    assert (response.status_code, response.json()["errors"][0]["source"]) == (422, {"pointer": pointer})


async def test_a_test_tells_what_became_of_it(api: httpx.AsyncClient) -> None:
    place = (await made(api)).headers["location"]
    tried = (await api.post(f"{place}/test")).json()["data"]
    assert (tried["delivered"], tried["response_status"], tried["response_body"]) == (False, 500, "oops")


async def test_where_there_are_enough_no_more_are_taken(services: Services, api: httpx.AsyncClient) -> None:
    services.webhooks.full = True
    response = await api.post("/v1/webhooks", json={"data": HOOK})
    assert (response.status_code, "retry-after" in response.headers) == (409, False)
    assert "remove one" in response.json()["detail"]
