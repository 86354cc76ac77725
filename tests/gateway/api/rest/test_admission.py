"""Who may ask under /v1, how often, for how long, and what is noted of it."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest
import structlog
import trio
from trio.testing import MockClock

from gateway.api.asgi import Event
from gateway.core.audit import AuditOutcome
from gateway.settings.model import CapabilityLimit, LimitSettings
from tests.gateway.api.rest.wells import TABLE
from tests.gateway.api.rig import Rig

WELL = {"data": {"name": "n", "secret": "hush"}}


async def test_without_a_token_every_path_is_closed(rig: Rig, stranger: httpx.AsyncClient) -> None:
    for path in ("/v1/wells", "/v1/nothing", "/v1"):
        response = await stranger.get(path)
        assert response.status_code == 401
        bearer, key = response.headers.get_list("www-authenticate")
        assert bearer.startswith('Bearer realm="ferrule", resource_metadata="https://')
        assert key == 'ApiKey realm="ferrule"'
    wrong = await stranger.post("/v1/wells", json=WELL, headers={"Authorization": "Bearer x"})
    assert wrong.status_code == 401
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert {noted.outcome for noted in rig.audit.of("auth.token")} == {AuditOutcome.DENIED}
    assert all("wells" not in str(noted.details) for noted in rig.audit.entries)


async def test_a_token_without_the_scope_is_told_which_one_is_needed(rig: Rig, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/wells", json=WELL, headers=rig.bearer("devices:read"))
    assert response.status_code == 403
    assert 'scope="devices:write"' in response.headers["www-authenticate"]
    [error] = response.json()["errors"]
    assert error["meta"] == {"required_scope": "devices:write"}
    [noted] = rig.audit.of("well.make")
    assert (noted.outcome, noted.subject) == (AuditOutcome.DENIED, "operator")


async def test_a_change_is_noted_with_who_made_it_and_no_secret(rig: Rig, client: httpx.AsyncClient) -> None:
    await client.post("/v1/wells", json=WELL)
    await client.delete("/v1/wells/w7")
    await client.get("/v1/wells")
    [made] = rig.audit.of("well.make")
    assert (made.outcome, made.subject, made.target) == (AuditOutcome.DONE, "operator", "w99")
    assert made.details["name"] == "n"
    assert "hush" not in str(made)
    [removed] = rig.audit.of("well.remove")
    assert (removed.outcome, removed.target) == (AuditOutcome.FAILED, "w7")
    assert "there is no well w7" in str(removed.details["reason"])
    assert not rig.audit.of("well.list")


async def test_a_fault_of_ours_has_an_id_and_says_nothing_else(rig: Rig, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/wells", json={"data": {"name": "broken"}})
    assert response.status_code == 500
    [error] = response.json()["errors"]
    assert len(error["id"]) == 16
    assert "fault of ours" not in response.text
    assert rig.audit.of("well.make")[0].outcome is AuditOutcome.FAILED


async def test_what_takes_too_long_is_given_up(rig: Rig, client: httpx.AsyncClient, autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    response = await client.post("/v1/wells", json={"data": {"name": "slow"}})
    assert response.status_code == 503
    assert response.headers["retry-after"] == response.headers["x-ratelimit-retry-after"] == "1"
    assert trio.current_time() - begun == pytest.approx(30.0)
    assert rig.audit.of("well.make")[0].outcome is AuditOutcome.UNKNOWN


async def test_what_is_not_there_now_says_when_to_come_again(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/wells", json={"data": {"name": "later"}})
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")
    assert response.json()["errors"][0]["meta"] == {"retry_after": 7, "rows_waiting": 3}


async def test_a_long_body_is_not_taken(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/wells", json={"data": {"name": "n" * 70_000}})
    assert (response.status_code, response.headers["connection"]) == (413, "close")
    assert "65536 bytes" in response.json()["detail"]


async def test_the_long_body_of_who_may_not_send_it_is_not_read(rig: Rig, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/wells", json={"data": {"name": "n" * 70_000}}, headers=rig.bearer("devices:read"))
    assert (response.status_code, response.headers["connection"]) == (403, "close")


async def test_calls_are_counted_once_and_refused_with_the_time_to_wait(tmp_path: Path) -> None:
    limits = LimitSettings(requests_per_minute=60, burst=3)
    rig = Rig(tmp_path, limits, routes=TABLE)
    async with rig.in_memory() as client:
        left = [
            (await client.get(path)).headers["x-ratelimit-remaining"] for path in ("/v1/wells", "/v1/no", "/v1/wells")
        ]
        assert left == ["2", "1", "0"]
        response = await client.get("/v1/wells")
        nowhere = await client.get("/v1/no")
    assert response.status_code == nowhere.status_code == 429
    assert response.headers["retry-after"] == response.headers["x-ratelimit-retry-after"] == "1"
    assert response.json()["type"].endswith("#quota-exceeded")
    assert rig.audit.of("rate.limit")


async def test_a_route_has_a_limit_of_its_own_where_one_is_set(tmp_path: Path) -> None:
    limits = LimitSettings(capabilities=(CapabilityLimit(name="well.make", requests_per_minute=1, burst=1),))
    rig = Rig(tmp_path, limits, routes=TABLE)
    async with rig.in_memory() as client:
        answers = [(await client.post("/v1/wells", json=WELL)).status_code for _ in range(2)]
        assert answers == [201, 429]
        assert (await client.get("/v1/wells")).status_code == 200


def chunked(rig: Rig) -> dict[str, object]:
    """The ASGI scope of a request whose body comes in pieces."""
    headers = [(name.lower().encode(), value.encode()) for name, value in rig.bearer().items()]
    return {
        "type": "http",
        "method": "POST",
        "path": "/v1/wells",
        "raw_path": b"/v1/wells",
        "query_string": b"",
        "root_path": "",
        "scheme": "https",
        "http_version": "1.1",
        "headers": [*headers, (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")],
        "client": ("127.0.0.1", 5),
    }


async def test_a_token_that_is_voided_while_its_body_comes_changes_nothing(rig: Rig) -> None:
    """Bodies take their time; what counts is whether the caller may do it when it is done."""
    sent: list[Event] = []

    async def receive() -> Event:
        rig.board.set(rig.board.wall + 100_000)
        return {"type": "http.request", "body": b'{"data": {"name": "n"}}', "more_body": False}

    async def send(event: Event) -> None:
        sent.append(event)

    await rig.app(chunked(rig), receive, send)
    assert sent[0]["status"] == 401
    assert not [noted for noted in rig.audit.of("well.make") if noted.outcome is AuditOutcome.DONE]


async def test_who_leaves_before_the_end_of_a_body_is_answered_nothing(rig: Rig) -> None:
    sent: list[Event] = []
    events: list[Event] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b'{"data"', "more_body": True},
    ]

    async def receive() -> Event:
        return events.pop()

    async def send(event: Event) -> None:
        sent.append(event)

    with structlog.testing.capture_logs() as logs:
        await rig.app(chunked(rig), receive, send)
    assert (sent, logs, rig.audit.entries) == ([], [], [])


async def test_the_framework_is_loaded_once_with_the_first_request_and_not_for_strangers() -> None:
    """In a process of its own: here it was loaded long ago."""
    program = """
import sys, tempfile, httpx, trio
from pathlib import Path
from tests.gateway.api.rest.wells import TABLE
from tests.gateway.api.rig import Rig

async def main():
    rig = Rig(Path(tempfile.mkdtemp()), routes=TABLE)
    async with rig.in_memory() as client:
        assert (await client.get("/v1/wells", headers={"Authorization": "Bearer no"})).status_code == 401
        assert (await client.get("/api/v1/info")).status_code == 200
        assert "quart" not in sys.modules and "werkzeug" not in sys.modules
        answers = []
        async def ask():
            answers.append((await client.get("/v1/wells")).status_code)
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
        assert answers == [200] * 5
        assert "quart_trio" in sys.modules

trio.run(main)
"""
    done = await trio.run_process([sys.executable, "-c", program], check=False, capture_stderr=True)
    assert done.returncode == 0, done.stderr.decode()
