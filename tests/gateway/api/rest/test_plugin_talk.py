"""Plugins write, publish and subscribe over HTTP: the examples of the reference, and who may do so as whom."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.api.asgi import TIMES
from gateway.api.rest.preferences import LONGEST_WAIT, preferred_wait
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from gateway.plugins.exchange.exchange import AT_ONCE, MOST_WAITING
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rest.test_matrix import RELEASE, resource
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services
from tests.gateway.api.talking import Runs, Talking

# S1, "POST /plugins/{source}/communicate", as it stands there.
COMMUNICATE = """
{
  "data": {
    "target_plugin": "analytics-plugin",
    "message_type": "data_request",
    "priority": "normal",
    "payload": {
      "query": "SELECT * FROM user_events WHERE created_at > ?",
      "parameters": ["2026-01-12T00:00:00Z"],
      "format": "json"
    },
    "correlation_id": "req-789",
    "timeout": 30
  }
}
"""
# S1, "POST /plugins/{plugin}/events".
EVENT = """
{
  "data": {
    "event_type": "user:action",
    "payload": {
      "user_id": "user-123",
      "action": "button_click",
      "element": "dashboard_export",
      "timestamp": "2026-01-13T11:00:00Z",
      "metadata": {
        "session_id": "sess-456",
        "user_agent": "Chrome/91.0",
        "ip_address": "192.168.1.100"
      }
    },
    "routing_key": "analytics.user_actions",
    "persistent": true
  }
}
"""
# S1, "POST /plugins/{plugin}/subscriptions".
SUBSCRIBE = """
{
  "data": {
    "subscriptions": [
      {
        "event_pattern": "user:action:*",
        "handler_endpoint": "/plugins/analytics-plugin/events/user-action",
        "filter": {
          "action": ["button_click", "form_submit"]
        }
      },
      {
        "event_pattern": "system:health",
        "handler_endpoint": "/plugins/monitoring-plugin/events/health",
        "filter": {}
      }
    ]
  }
}
"""
# S1, "Base Configuration": what every request of the reference carries.
HEADERS = {"Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json"}
SOURCE, TARGET = "/v1/plugins/collaboration-plugin", "/v1/plugins/analytics-plugin"
NAMES = ("Collaboration Plugin", "Analytics Plugin", "Monitoring Plugin")


@pytest.fixture
async def api(gateway: Rig, talking: Talking, nursery: trio.Nursery) -> AsyncIterator[httpx.AsyncClient]:
    """Three plugins are there, none runs; the token is an administrator's."""
    await nursery.start(talking.talk.run)
    async with gateway.in_memory() as client:
        client.headers.update(gateway.bearer("*"))
        for name in NAMES:
            body = {"data": resource("plugin", **RELEASE | {"name": name})}
            assert (await client.post("/v1/plugins", json=body)).is_success
        yield client


async def say(api: httpx.AsyncClient, path: str = SOURCE, prefer: str | None = None, **changes: Any) -> httpx.Response:
    members = {"target_plugin": "analytics-plugin", "message_type": "ask", **changes}
    headers = {} if prefer is None else {"Prefer": prefer}
    return await api.post(f"{path}/communicate", json={"data": members}, headers=headers)


def error_of(response: httpx.Response) -> tuple[int, Any]:
    return response.status_code, response.json()["errors"][0].get("source")


# Messages


async def test_the_reference_sends_a_message(api: httpx.AsyncClient, talking: Talking) -> None:
    there = talking.run("analytics-plugin")
    there.smoothed_response = 5.0
    response = await api.post(f"{SOURCE}/communicate", content=COMMUNICATE, headers=HEADERS)
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert data == {
        "message_id": data["message_id"],
        "correlation_id": "req-789",
        "status": "delivered",
        "response_expected": True,
        "estimated_response_time": 5,
    }
    assert data["message_id"].startswith("msg-")
    assert "preference-applied" not in response.headers
    [heard] = there.heard
    # D-116: nobody looks into it.
    assert heard["payload"] == json.loads(COMMUNICATE)["data"]["payload"]
    assert (heard["from"], heard["type"], heard["correlationId"]) == ("collaboration-plugin", "data_request", "req-789")
    assert next((name, told["to_plugin"]) for name, told in talking.told) == ("plugin:message", "analytics-plugin")


async def test_who_prefers_to_wait_has_the_answer_at_once(api: httpx.AsyncClient, talking: Talking) -> None:
    talking.run("analytics-plugin").answer = {"rows": [1, 2]}
    response = await say(api, prefer="respond-async, wait=10", payload={"q": 1}, timeout=30)
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=10"
    assert response.json()["data"]["response"] == {"rows": [1, 2]}
    # To wait is to expect an answer.
    assert (await say(api, prefer="wait=3")).json()["data"]["response_expected"]


async def test_who_waits_too_short_hears_that_it_arrived(
    api: httpx.AsyncClient, talking: Talking, autojump_clock: MockClock
) -> None:
    talking.run("analytics-plugin").answer = None
    begun = trio.current_time()
    response = await say(api, prefer="wait=3", timeout=10)
    assert trio.current_time() - begun == pytest.approx(3, abs=0.1)
    data = response.json()["data"]
    assert (data["status"], data["response_expected"], "response" in data) == ("delivered", True, False)


async def test_a_wait_is_bounded(api: httpx.AsyncClient, talking: Talking, autojump_clock: MockClock) -> None:
    talking.run("analytics-plugin").answer = None
    response = await say(api, prefer="wait=4000", timeout=300)
    assert (response.status_code, response.headers["preference-applied"]) == (200, f"wait={LONGEST_WAIT}")


async def test_a_message_that_fails_says_why(api: httpx.AsyncClient, talking: Talking) -> None:
    talking.run("analytics-plugin").answer = GatewayError(
        Code.UNAVAILABLE, "the plugin failed: no such table", details={"code": "failed"}
    )
    data = (await say(api, prefer="wait=3", timeout=10)).json()["data"]
    assert (data["status"], data["reason"]) == ("failed", "failed")
    assert "no such table" in data["detail"]


async def test_whom_nobody_can_reach_is_named(api: httpx.AsyncClient) -> None:
    nobody = await say(api, target_plugin="nobody")
    assert error_of(nobody) == (404, {"pointer": "/data/target_plugin"})
    assert "there is no plugin nobody" in nobody.json()["detail"]
    assert error_of(await say(api)) == (409, {"pointer": "/data/target_plugin"})
    missing = await say(api, "/v1/plugins/none")
    assert missing.status_code == 404


async def test_an_open_question_is_not_asked_twice(api: httpx.AsyncClient, talking: Talking) -> None:
    talking.run("analytics-plugin").answer = None
    assert (await say(api, correlation_id="c-1", timeout=60)).status_code == 200
    assert error_of(await say(api, correlation_id="c-1", timeout=60)) == (409, {"pointer": "/data/correlation_id"})


async def test_a_queue_that_is_full_says_when_to_come_again(
    api: httpx.AsyncClient, talking: Talking, autojump_clock: MockClock
) -> None:
    there = talking.run("analytics-plugin")
    there.answer, there.smoothed_response = None, 6.5
    for number in range(AT_ONCE + MOST_WAITING):
        path = (SOURCE, "/v1/plugins/monitoring-plugin")[number % 2]
        assert (await say(api, path, timeout=200)).status_code == 200
    response = await say(api, timeout=200)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "7"
    assert response.json()["errors"][0]["meta"]["reason"] == "queue_full"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"timeout": 0}, "/data/timeout"),
        ({"timeout": 301}, "/data/timeout"),
        ({"priority": "asap"}, "/data/priority"),
        ({"message_type": ""}, "/data/message_type"),
        ({"correlation_id": ""}, "/data/correlation_id"),
        ({"payload": "x" * 50_000}, "/data/payload"),
    ],
)
async def test_what_is_wrong_is_named_by_its_place(
    api: httpx.AsyncClient, talking: Talking, changes: dict[str, Any], pointer: str
) -> None:
    talking.run("analytics-plugin")
    assert error_of(await say(api, **changes)) == (422, {"pointer": pointer})


@pytest.mark.parametrize("word", ["low", "normal", "regular", "high", "urgent"])
async def test_regular_is_what_the_events_call_normal(api: httpx.AsyncClient, talking: Talking, word: str) -> None:
    """D-117."""
    there = talking.run("analytics-plugin")
    assert (await say(api, priority=word)).status_code == 200
    assert there.heard[0]["priority"] == ("normal" if word == "regular" else word)


# Events


async def test_the_reference_publishes_an_event(api: httpx.AsyncClient, services: Services) -> None:
    response = await api.post(f"{TARGET}/events", content=EVENT, headers=HEADERS)
    assert response.status_code == 202, response.text
    data = response.json()["data"]
    assert data == {
        "event_id": services.log.events[-1].id,
        "status": "accepted",
        "seq": services.log.events[-1].sequence,
    }
    assert services.log.accepted == [("user:action", True, "analytics.user_actions")]
    assert services.log.events[-1].data == json.loads(EVENT)["data"]["payload"]


async def test_what_is_not_to_be_kept_is_told_alone(api: httpx.AsyncClient, services: Services) -> None:
    body = {"data": {"event_type": "user:action", "payload": {}, "persistent": False}}
    assert (await api.post(f"{TARGET}/events", json=body)).status_code == 202
    assert services.log.accepted == [("user:action", False, None)]


@pytest.mark.parametrize("type_", ["plugin:message", "system:health", "message:received", "governor:x", "agent:up"])
async def test_types_of_the_gateway_are_its_own(api: httpx.AsyncClient, type_: str) -> None:
    """D-124."""
    body = {"data": {"event_type": type_, "payload": {}}}
    assert error_of(await api.post(f"{TARGET}/events", json=body)) == (403, {"pointer": "/data/event_type"})


# Subscriptions


async def test_the_reference_subscribes(api: httpx.AsyncClient, talking: Talking) -> None:
    there, monitoring = talking.run("analytics-plugin"), talking.run("monitoring-plugin")
    response = await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers=HEADERS)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"{TARGET}/subscriptions"
    first, second = response.json()["data"]["subscriptions"]
    assert (first["id"], second["id"]) == ("sub-1", "sub-2")
    for shown, asked in zip((first, second), json.loads(SUBSCRIBE)["data"]["subscriptions"], strict=True):
        assert {name: shown[name] for name in asked} == asked
    # Those that run have them at once, others when they are started.
    assert list(there.subscribed) == ["user-action"]
    assert list(monitoring.subscribed) == ["health"]
    assert list(talking.talk.subscriptions.subscriptions_of("analytics-plugin")) == ["user-action"]
    listed = (await api.get(f"{TARGET}/subscriptions")).json()
    assert (listed["data"], listed["meta"]["total"]) == ([first, second], 2)
    assert (await api.get(f"{TARGET}/subscriptions/sub-2")).json()["data"] == second


async def test_the_same_again_is_the_same(api: httpx.AsyncClient) -> None:
    first = await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers=HEADERS)
    again = await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers=HEADERS)
    assert first.json() == again.json()


async def test_one_that_is_ended_is_gone(api: httpx.AsyncClient, talking: Talking) -> None:
    there = talking.run("analytics-plugin")
    await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers=HEADERS)
    assert (await api.delete(f"{TARGET}/subscriptions/sub-1")).status_code == 204
    assert there.subscribed == {}
    assert (await api.delete(f"{TARGET}/subscriptions/sub-1")).status_code == 404
    # It is that of one plugin, whatever its id is.
    assert (await api.get(f"{SOURCE}/subscriptions/sub-2")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"handler_endpoint": "https://10.0.0.9/in"}, 422, "1/handler_endpoint"),
        ({"handler_endpoint": "//host/in"}, 422, "1/handler_endpoint"),
        ({"handler_endpoint": "/elsewhere"}, 422, "1/handler_endpoint"),
        ({"handler_endpoint": "/plugins/analytics-plugin/events/a/b"}, 422, "1/handler_endpoint"),
        ({"event_pattern": "no pattern"}, 422, "1/event_pattern"),
        ({"filter": {"a.b": "not a list"}}, 422, "1/filter/a.b"),
        ({"filter": {"action": []}}, 422, "1/filter/action"),
        ({"handler_endpoint": "/plugins/analytics-plugin/events/first"}, 409, "1/filter"),
        ({"surprise": 1}, 422, "1/surprise"),
    ],
)
async def test_what_is_wrong_with_a_subscription_is_named_by_its_place(
    api: httpx.AsyncClient, changes: dict[str, Any], status: int, pointer: str
) -> None:
    good = {"event_pattern": "a:b", "handler_endpoint": "/plugins/analytics-plugin/events/first", "filter": {"a": [1]}}
    other = {"event_pattern": "a:b", "handler_endpoint": "/plugins/analytics-plugin/events/second", "filter": {}}
    body = {"data": {"subscriptions": [good, {**other, **changes}]}}
    response = await api.post(f"{TARGET}/subscriptions", json=body)
    assert error_of(response) == (status, {"pointer": f"/data/subscriptions/{pointer}"})
    # All of them or none.
    assert (await api.get(f"{TARGET}/subscriptions")).json()["data"] == []


async def test_there_are_so_many_of_a_plugin(api: httpx.AsyncClient) -> None:
    for part in range(2):
        wanted = [
            {"event_pattern": f"a:b{number}", "handler_endpoint": "/plugins/analytics-plugin/events/x"}
            for number in range(50 * part, 50 * part + 50)
        ]
        response = await api.post(f"{TARGET}/subscriptions", json={"data": {"subscriptions": wanted}})
        assert response.status_code == (201, 409)[part]


async def test_subscriptions_outlive_the_gateway_and_end_with_the_plugin(
    api: httpx.AsyncClient, talking: Talking, plugins: Plugins
) -> None:
    await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers=HEADERS)
    anew = Talking(plugins)
    await anew.talk.subscriptions.load()
    assert list(anew.talk.subscriptions.subscriptions_of("analytics-plugin")) == ["user-action"]
    assert (await api.delete(TARGET)).status_code == 204
    gone = Talking(plugins)
    await gone.talk.subscriptions.load()
    assert dict(gone.talk.subscriptions.subscriptions_of("analytics-plugin")) == {}


async def test_a_disk_in_trouble_changes_nothing(api: httpx.AsyncClient, plugins: Plugins, talking: Talking) -> None:
    plugins.tables.full = True
    response = await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers=HEADERS)
    assert (response.status_code, "retry-after" in response.headers) == (503, True)
    assert dict(talking.talk.subscriptions.subscriptions_of("analytics-plugin")) == {}


async def test_a_disk_that_could_not_be_read_is_read_later(
    api: httpx.AsyncClient, plugins: Plugins, talking: Talking
) -> None:
    await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers=HEADERS)
    anew = Talking(plugins)
    there = anew.run("analytics-plugin")
    plugins.tables.trouble = "the card is sick"
    await anew.talk.subscriptions.load()
    assert dict(anew.talk.subscriptions.subscriptions_of("analytics-plugin")) == {}
    with pytest.raises(GatewayError) as caught:
        await anew.talk.subscriptions.ready()
    assert caught.value.code is Code.UNAVAILABLE
    plugins.tables.trouble = None
    await anew.talk.subscriptions.load()
    # Who runs by then has them, too.
    assert list(there.subscribed) == ["user-action"]


# A plugin as itself


async def token(api: httpx.AsyncClient, path: str = TARGET, **members: Any) -> httpx.Response:
    return await api.post(f"{path}/token", json={"data": members} if members else None)


async def as_itself(api: httpx.AsyncClient) -> dict[str, str]:
    response = await token(api)
    assert response.status_code == 201, response.text
    return {"Authorization": f"Bearer {response.json()['data']['access_token']}"}


async def test_a_plugin_acts_as_itself_within_what_was_granted(
    api: httpx.AsyncClient, talking: Talking, services: Services
) -> None:
    talking.run("collaboration-plugin")
    talking.run("analytics-plugin", "send-messages:collaboration-plugin", "publish-events:user:*", "read-events")
    headers = await as_itself(api)
    out = {"target_plugin": "collaboration-plugin", "message_type": "ask"}
    assert (await api.post(f"{TARGET}/communicate", json={"data": out}, headers=headers)).status_code == 200
    out["target_plugin"] = "monitoring-plugin"
    refused = await api.post(f"{TARGET}/communicate", json={"data": out}, headers=headers)
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["meta"] == {"permission": "send-messages:monitoring-plugin"}
    assert (await api.post(f"{TARGET}/events", content=EVENT, headers={**HEADERS, **headers})).status_code == 202
    assert services.log.publishers[-1][0] == "plugin:analytics-plugin"
    other = {"data": {"event_type": "other:action", "payload": {}}}
    assert (await api.post(f"{TARGET}/events", json=other, headers=headers)).status_code == 403
    assert (await api.get(f"{TARGET}/subscriptions", headers=headers)).status_code == 200


async def test_a_plugin_is_no_other_one(api: httpx.AsyncClient, talking: Talking) -> None:
    talking.run("analytics-plugin", "send-messages", "publish-events", "read-events")
    headers = await as_itself(api)
    for path in ("communicate", "events", "subscriptions"):
        body = {"communicate": COMMUNICATE, "events": EVENT, "subscriptions": SUBSCRIBE}[path]
        response = await api.post(f"{SOURCE}/{path}", content=body, headers={**HEADERS, **headers})
        assert response.status_code == 403, path
    # D-121: the second handler of the reference is that of another plugin.
    response = await api.post(f"{TARGET}/subscriptions", content=SUBSCRIBE, headers={**HEADERS, **headers})
    assert error_of(response) == (403, {"pointer": "/data/subscriptions/1/handler_endpoint"})


async def test_its_token_opens_nothing_else(api: httpx.AsyncClient, talking: Talking) -> None:
    talking.run("analytics-plugin", "send-messages", "publish-events", "read-events", "read-tags")
    headers = await as_itself(api)
    for path in ("/v1/plugins", "/v1/events", "/v1/messages", "/v1/alarms", "/v1/clients", TARGET):
        assert (await api.get(path, headers=headers)).status_code == 403, path
    assert (await api.post("/v1/events", content=EVENT, headers={**HEADERS, **headers})).status_code == 403
    assert (await api.post(f"{TARGET}/token", headers=headers)).status_code == 403
    me = (await api.get("/v1/auth/me", headers=headers)).json()["data"]
    assert (me["type"], me["id"], me["scope"]) == ("plugin", "plugin:analytics-plugin", "plugins:act")
    assert me["permissions"] == ["publish-events", "read-events", "read-tags", "send-messages"]


async def test_its_token_ends_with_its_last_instance(api: httpx.AsyncClient, gateway: Rig, talking: Talking) -> None:
    first, last = talking.run("analytics-plugin", "read-events"), talking.run("analytics-plugin", "read-events")
    headers = await as_itself(api)

    async def ends(instance: Runs) -> int:
        talking.running.remove(instance)
        gateway.access.plugins.look("analytics-plugin")
        return (await api.get(f"{TARGET}/subscriptions", headers=headers)).status_code

    assert await ends(first) == 200
    assert await ends(last) == 401
    # A new instance does not bring it back.
    talking.run("analytics-plugin", "read-events")
    assert (await api.get(f"{TARGET}/subscriptions", headers=headers)).status_code == 401
    assert (await api.get(f"{TARGET}/subscriptions", headers=await as_itself(api))).status_code == 200


async def test_its_token_lives_an_hour_at_most(api: httpx.AsyncClient, talking: Talking, gateway: Rig) -> None:
    talking.run("analytics-plugin")
    assert (await token(api)).json()["data"]["expires_in"] == 3600
    assert (await token(api, ttl=60)).json()["data"]["expires_in"] == 60
    assert error_of(await token(api, ttl=3601)) == (422, {"pointer": "/data/ttl"})
    headers = await as_itself(api)
    gateway.board.set(gateway.board.wall + 3600 + 120)
    assert (await api.get("/v1/auth/me", headers=headers)).status_code == 401


async def test_who_may_have_a_token_made(api: httpx.AsyncClient, talking: Talking, gateway: Rig) -> None:
    assert (await token(api)).status_code == 409
    talking.run("analytics-plugin")
    boss = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
    made, secret = await gateway.access.clients.add(boss, name="someone", roles={"plugin-developer"})
    form = {"grant_type": "client_credentials", "client_id": made.id, "client_secret": str(secret)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway.app), base_url="https://rig") as stranger:
        bearer = (await stranger.post("/v1/auth/token", data=form)).json()["access_token"]
    headers = {"Authorization": f"Bearer {bearer}"}
    assert (await api.post(f"{TARGET}/token", headers=headers)).status_code == 403
    # Its own: the one it published.
    body = {"data": resource("plugin", **RELEASE | {"name": "Mine"})}
    assert (await api.post("/v1/plugins", json=body, headers=headers)).status_code == 201
    talking.run("mine")
    assert (await api.post("/v1/plugins/mine/token", headers=headers)).status_code == 201
    assert (await api.post("/v1/plugins/none/token")).status_code == 404


# Prefer (RFC 7240)


@pytest.mark.parametrize(
    ("fields", "wait"),
    [
        (["wait=10"], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (['WAIT="7"'], 7),
        (["wait = 4; foo"], 4),
        (["wait=5, wait=6"], 5),
        (['return="a, wait=9"; x, wait=2'], 2),
        (["wait=0"], 0),
        (["wait=-1"], None),
        (["wait=soon"], None),
        (["wait"], None),
        (["handling=lenient"], None),
        (["wait=9999999"], LONGEST_WAIT),
        ([], None),
    ],
)
def test_preferences_are_read_as_the_standard_has_them(fields: list[str], wait: int | None) -> None:
    scope: dict[str, Any] = {"headers": [(b"prefer", field.encode()) for field in fields]}
    assert preferred_wait(scope) == wait


def test_no_wait_is_longer_than_a_request_may_take() -> None:
    scope: dict[str, Any] = {"headers": [(b"prefer", b"wait=20")], "extensions": {TIMES: {"answer": 12.5}}}
    assert preferred_wait(scope) == 7
    scope["extensions"] = {TIMES: {"answer": 2.0}}
    assert preferred_wait(scope) == 0


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_preferences_that_are_none_are_passed_over(fields: list[bytes]) -> None:
    wait = preferred_wait({"headers": [(b"prefer", field) for field in fields]})
    assert wait is None or 0 <= wait <= LONGEST_WAIT


async def test_what_does_not_fit_into_its_token_is_told(api: httpx.AsyncClient, talking: Talking) -> None:
    """It has every permission by its name, and there may be many long ones."""
    talking.run("analytics-plugin", *(f"read-tags:line/{number}/{'x' * 150}" for number in range(30)))
    refused = await token(api)
    assert refused.status_code == 409
    assert "grant fewer" in refused.json()["detail"]
