"""Routes that need no token, and routes that answer by themselves (ruling 24)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.api.asgi import read_body
from gateway.api.replies import Reply
from gateway.api.request import Request
from gateway.api.rest.application import PluginApi
from gateway.api.rest.problems import Problem
from gateway.api.rest.route import Answer, Call, Route
from gateway.api.rest.shapes import Nothing
from gateway.core.errors import Code, GatewayError
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig


class Hours(msgspec.Struct, frozen=True):
    opens: str
    asked_by: str | None


async def hours(call: Call[None, Nothing]) -> Answer:
    known = call.origin.known
    return Answer(data=Hours("08:00", None if known is None else known.subject))


async def pipe(request: Request, path: Mapping[str, str]) -> Reply:
    body = await read_body(request.scope, request.receive, 100)
    if body == b"dry":
        raise GatewayError(Code.UNAVAILABLE, "dry", details={"retryAfter": 4})
    if body == b"burst":
        raise RuntimeError("a fault of ours")
    return Reply(200, body[::-1] + str(dict(path)).encode(), content_type=b"text/plain")


def in_a_word(problem: Problem) -> Reply:
    return Reply(problem.status, problem.code.encode(), problem.headers, b"text/plain")


OPEN = Route(
    name="hours", method="GET", path="/v1/hours", run=hours, open=True, scope=None, summary="when it opens",
    resource="hours", result=Hours, audited=False,
)  # fmt: skip
PIPE = Route(
    name="pipe", method="POST", path="/.well-known/pipe", raw=pipe, refusal=in_a_word, open=True, scope=None,
    summary="turns round what it is sent", resource="pipe", result=None, audited=False,
)  # fmt: skip
SHUT = Route(
    name="valve", method="POST", path="/v1/valves/{valve}", raw=pipe, scope="devices:write", summary="the same",
    resource="pipe", result=None, audited=False,
)  # fmt: skip
ANYBODY = Route(
    name="anybody", method="GET", path="/v1/anybody", run=hours, scope=None, summary="for any good token",
    resource="hours", result=Hours, audited=False,
)  # fmt: skip
TABLE = (OPEN, PIPE, SHUT, ANYBODY)


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, LimitSettings(anonymous_burst=3), routes=TABLE)


@pytest.fixture
async def anonymous(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig") as client:
        yield client


async def test_an_open_route_needs_no_token_and_knows_who_has_one(rig: Rig, anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/v1/hours")
    assert (response.status_code, response.json()) == (200, {"data": {"opens": "08:00", "asked_by": None}})
    known = await anonymous.get("/v1/hours", headers=rig.bearer("devices:read"))
    assert known.json()["data"]["asked_by"] == "operator"
    assert (await anonymous.get("/v1/hours", headers={"Authorization": "Bearer x"})).status_code == 200
    assert not rig.audit.entries


async def test_it_counts_against_the_limit_of_strangers(anonymous: httpx.AsyncClient) -> None:
    assert [(await anonymous.get("/v1/hours")).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_another_verb_is_told_which_ones_there_are(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.post("/v1/hours")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    other = await anonymous.get("/.well-known/pipe")
    assert (other.status_code, other.headers["allow"], other.text) == (405, "POST", "method_not_allowed")


async def test_a_raw_route_reads_and_answers_in_its_own_form(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.post("/.well-known/pipe", content=b"abc")
    assert (response.status_code, response.text) == (200, "cba{}")
    assert response.headers["content-type"] == "text/plain"
    assert response.headers["cache-control"] == "no-store"
    dry = await anonymous.post("/.well-known/pipe", content=b"dry")
    assert (dry.status_code, dry.text, dry.headers["retry-after"]) == (503, "unavailable", "4")
    burst = await anonymous.post("/.well-known/pipe", content=b"burst")
    assert (burst.status_code, burst.text) == (500, "internal_error")


async def test_a_raw_route_can_be_closed(rig: Rig, anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.post("/v1/valves/v1", content=b"abc")).status_code == 401
    refused = await anonymous.post("/v1/valves/v1", content=b"abc", headers=rig.bearer("devices:read"))
    assert refused.status_code == 403
    done = await anonymous.post("/v1/valves/v1", content=b"abc", headers=rig.bearer("devices:write"))
    assert done.text == "cba{'valve': 'v1'}"


async def test_without_a_scope_any_good_token_will_do_and_none_will_not(rig: Rig, anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/v1/anybody")).status_code == 401
    assert (await anonymous.get("/v1/anybody", headers=rig.bearer("tools:use"))).status_code == 200


async def test_a_path_is_open_as_a_whole_or_not_at_all(rig: Rig) -> None:
    half = Route(
        name="half", method="PUT", path="/v1/hours", run=hours, scope="devices:write", summary="half",
        resource="hours", result=Hours,
    )  # fmt: skip
    with pytest.raises(ValueError, match="half: /v1/hours is open for GET"):
        PluginApi([OPEN, half], rig.app._plugins._door)  # type: ignore[attr-defined]  # it is more than an application
