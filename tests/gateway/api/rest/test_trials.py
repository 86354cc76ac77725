"""Calls that are tried out: the seed's form, the caller's own rights, and no way around anything (DT-15 to DT-19)."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.openapi.conformity import conforms
from gateway.api.replies import Reply
from gateway.api.rest.trials import LARGEST_ANSWER, Outcome
from gateway.core.audit import AuditOutcome
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, rpc_body
from tests.gateway.api.services import Services

TEST = "/v1/tools/test"
# As the reference has it (000, lines 693 to 703).
SEED: dict[str, Any] = {
    "endpoint": "/plugins",
    "method": "GET",
    "headers": {"Authorization": "Bearer test-token"},
    "query_params": {"filter[category]": "analytics"},
}
HOOK = {"data": {"url": "https://10.0.0.9/in", "events": ["device:*"]}}


async def outcome(api: httpx.AsyncClient, own: dict[str, str] | None = None, /, **asked: Any) -> Outcome:
    reply = await api.post(TEST, json=asked, headers=own)
    assert reply.status_code == 200, reply.text
    return msgspec.convert(reply.json()["data"], Outcome)


async def refusal(api: httpx.AsyncClient, **asked: Any) -> tuple[int, Any]:
    reply = await api.post(TEST, json=asked)
    return reply.status_code, reply.json()["errors"][0].get("source")


async def test_the_call_of_the_reference_is_made_with_its_own_token(api: httpx.AsyncClient) -> None:
    """That token is nobody's: what the call is answered is what anybody with it would be."""
    found = await outcome(api, **SEED)
    assert found.status == 401
    assert found.headers["www-authenticate"].startswith("Bearer")
    assert found.body["type"] == "/problems/unauthorized"
    assert found.schema_valid is True


async def test_body_and_envelope_are_the_same(api: httpx.AsyncClient) -> None:
    asked = {**SEED, "headers": {}}
    bare = (await api.post(TEST, json=asked)).json()["data"]
    wrapped = (await api.post(TEST, json={"data": asked})).json()["data"]
    assert bare["status"] == wrapped["status"] == 200
    assert bare["body"] == wrapped["body"] == (await api.get("/v1/plugins?filter[category]=analytics")).json()


async def test_the_answer_is_that_of_the_call_itself(api: httpx.AsyncClient) -> None:
    place = (await api.post("/v1/webhooks", json=HOOK)).headers["location"]
    found = await outcome(api, endpoint=place)
    own = await api.get(place)
    assert (found.status, found.body, found.schema_valid) == (200, own.json(), True)
    for name in ("etag", "x-api-version", "x-ratelimit-limit", "content-type"):
        assert found.headers[name] == own.headers[name]
    assert found.duration_ms >= 0
    missing = await outcome(api, endpoint="/v1/webhooks/none")
    assert (missing.status, missing.schema_valid) == (404, True)
    assert (await outcome(api, endpoint="/v1/nothing-here")).schema_valid is None


async def test_calls_of_the_device_api_are_made_too(api: httpx.AsyncClient) -> None:
    health = await outcome(api, endpoint="/api/v1/health")
    assert (health.status, health.schema_valid) == (200, True)
    call = await outcome(api, endpoint="/api/v1/rpc", method="POST", body=rpc_body("tag.list", {}), confirm=True)
    assert call.body["result"]["tags"]
    assert call.schema_valid is True


async def test_what_changes_something_is_done_only_when_it_is_meant(api: httpx.AsyncClient, services: Services) -> None:
    asked: dict[str, Any] = {"endpoint": "/webhooks", "method": "POST", "body": HOOK}
    assert await refusal(api, **asked) == (422, {"pointer": "/confirm"})
    assert (await api.get("/v1/webhooks")).json()["data"] == []
    found = await outcome(api, **asked, confirm=True)
    assert (found.status, found.schema_valid) == (201, True)
    assert found.body["data"]["signing_secret"].startswith("whsec_")
    removed = await outcome(api, endpoint=found.headers["location"], method="DELETE", confirm=True)
    assert (removed.status, removed.body, removed.schema_valid) == (204, None, True)


async def test_head_has_no_body_and_a_package_is_left_where_it_is(api: httpx.AsyncClient) -> None:
    found = await outcome(api, endpoint="/plugins", method="HEAD")
    assert (found.status, found.body, found.schema_valid) == (200, None, None)
    description = await outcome(api, endpoint="/v1/openapi.json")
    assert description.body is None
    assert str(LARGEST_ANSWER) in str(description.body_omitted)


async def test_it_needs_its_own_scope_and_gives_no_other(gateway: Rig, api: httpx.AsyncClient) -> None:
    refused = await api.post(TEST, json=SEED, headers=gateway.bearer("plugins:*", "webhooks:*"))
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["meta"] == {"required_scope": "tools:use"}
    own = gateway.bearer("tools:use", "webhooks:read")
    assert (await outcome(api, own, endpoint="/webhooks")).status == 200
    gateway.audit.entries.clear()
    found = await outcome(api, own, endpoint="/webhooks", method="POST", body=HOOK, confirm=True)
    assert found.status == 403
    [noted] = gateway.audit.of("webhook.create")
    assert noted.outcome is AuditOutcome.DENIED


async def test_another_token_counts_as_itself(gateway: Rig, api: httpx.AsyncClient) -> None:
    less = gateway.bearer("plugins:read")
    assert (await outcome(api, endpoint="/plugins", headers=less)).status == 200
    assert (await outcome(api, endpoint="/webhooks", headers=less)).status == 403
    more = {"authorization": gateway.bearer("*")["Authorization"]}
    few = gateway.bearer("tools:use")
    reply = await api.post(TEST, json={"endpoint": "/webhooks", "headers": more}, headers=few)
    assert reply.json()["data"]["status"] == 200


async def test_changes_stand_in_the_audit_log_as_what_they_are(gateway: Rig, api: httpx.AsyncClient) -> None:
    gateway.audit.entries.clear()
    await outcome(api, endpoint="/webhooks", method="POST", body=HOOK, confirm=True)
    [noted] = gateway.audit.of("webhook.create")
    assert (noted.outcome, noted.subject) == (AuditOutcome.DONE, "operator")
    assert "whsec_" not in str(gateway.audit.entries)


@pytest.mark.parametrize(
    "endpoint",
    [
        "/v1/tools/test",
        "/tools/test",
        "/v1/tools/changelog",
        "/v1/%74ools/test",
        "/%74%6fols/test",
        "/v1/Tools/test",
        "/v1/tools",
        "/v1/auth/token",
        "/auth/me",
        "/v1/%61uth/api-keys",
        "/v1/tools%2Ftest",
    ],
)
async def test_it_leads_neither_to_itself_nor_to_tokens(api: httpx.AsyncClient, endpoint: str) -> None:
    assert await refusal(api, endpoint=endpoint, method="POST", confirm=True) == (403, None)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://192.168.1.1/v1/plugins",
        "//192.168.1.1/v1/plugins",
        "plugins",
        "/v1/plugins?x=1",
        "/v1/plugins#x",
        "/v1/x/../tools/test",
        "/v1/./tools/test",
        "/v1/%2e%2e/metrics",
        "/v1\\tools",
        "/v1/plu gins",
        "/v1/x\r\nHost: y",
        "/v1/%ff",
    ],
)
async def test_it_leads_nowhere_else(api: httpx.AsyncClient, endpoint: str) -> None:
    assert await refusal(api, endpoint=endpoint) == (422, {"pointer": "/endpoint"})


@pytest.mark.parametrize("endpoint", ["/metrics", "/problems/gone", "/.well-known/oauth-authorization-server", "/v2/x"])
async def test_what_is_below_no_prefix_is_taken_for_a_path_of_the_plugin_api(
    api: httpx.AsyncClient, endpoint: str
) -> None:
    found = await outcome(api, endpoint=endpoint)
    assert (found.status, found.body["detail"]) == (404, f"there is nothing at /v1{endpoint}.")


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({"Host": "other"}, "/headers/Host"),
        ({"Content-Length": "1"}, "/headers/Content-Length"),
        ({"Transfer-Encoding": "chunked"}, "/headers/Transfer-Encoding"),
        ({"Cookie": "a=b"}, "/headers/Cookie"),
        ({"Origin": "https://x"}, "/headers/Origin"),
        ({"Accept": "a\r\nb"}, "/headers/Accept"),
        ({"Accept": "*/*", "accept": "*/*"}, "/headers/accept"),
        ({"X-Forwarded-For": "10.0.0.1"}, "/headers/X-Forwarded-For"),
    ],
)
async def test_headers_that_are_not_the_callers_to_say_are_refused(
    api: httpx.AsyncClient, headers: dict[str, str], place: str
) -> None:
    assert await refusal(api, endpoint="/plugins", headers=headers) == (422, {"pointer": place})


async def test_both_calls_count(gateway: Rig, api: httpx.AsyncClient) -> None:
    gateway.rates.follow(LimitSettings(requests_per_minute=1, burst=20))
    own = gateway.bearer("tools:use", "plugins:read")
    first = await api.post(TEST, json={"endpoint": "/plugins"}, headers=own)
    second = await api.post(TEST, json={"endpoint": "/plugins"}, headers=own)
    left = [int(reply.headers["x-ratelimit-remaining"]) for reply in (first, second)]
    assert left[0] - left[1] == 2


async def test_a_limit_that_is_used_up_is_told_of_in_the_answer(gateway: Rig, api: httpx.AsyncClient) -> None:
    gateway.rates.follow(LimitSettings(anonymous_requests_per_minute=1, anonymous_burst=1))
    assert (await outcome(api, **SEED)).status == 401
    found = await outcome(api, **SEED)
    assert (found.status, found.schema_valid) == (429, True)


async def test_the_gateway_goes_on_after_it(api: httpx.AsyncClient) -> None:
    """One call within another: what the outer one has of its own must still be there."""
    await outcome(api, endpoint="/plugins")
    both = await api.post(f"{TEST}?x=1", json={"endpoint": "/plugins"})
    assert both.status_code == 400
    assert (await api.get("/v1/plugins")).status_code == 200


@given(st.text(max_size=40))
def test_an_answer_that_is_not_as_described_is_told_of(name: str) -> None:
    shown = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    answers = {"200": {"content": {"application/json": {"schema": shown}}}, "204": {"description": "nothing"}}
    document = {"paths": {"/v1/x/{id}": {"get": {"responses": answers}}, "/v1/x/y": {}}, "components": {}}
    described = msgspec.json.encode(document)
    body = msgspec.json.encode({"name": name})
    assert conforms(described, "GET", "/v1/x/1", Reply(200, body)) is True
    assert conforms(described, "GET", "/v1/x/1", Reply(200, b'{"name": 1}')) is False
    assert conforms(described, "GET", "/v1/x/1", Reply(204)) is True
    assert conforms(described, "GET", "/v1/x/1", Reply(204, body)) is False
    assert conforms(described, "GET", "/v1/x/1", Reply(201, body)) is False
    assert conforms(described, "GET", "/v1/x/1", Reply(200, body, content_type=b"text/plain")) is False
    assert conforms(described, "GET", "/v1/x/y", Reply(200, body)) is None
    assert conforms(described, "POST", "/v1/x/1", Reply(200, body)) is None
    assert conforms(described, "GET", "/v1/x/1/z", Reply(200, body)) is None
