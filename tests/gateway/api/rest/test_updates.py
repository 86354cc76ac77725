"""Updates over /v1: a bundle is taken whole or not at all, and what became of it is told."""

from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from gateway.api.rest.updates import LARGEST, UPDATE
from gateway.appliance.inbox import Wanted
from gateway.appliance.sent import sent_updates
from gateway.appliance.update_state import UpdateState
from gateway.core.audit import AuditOutcome
from tests.gateway.api.flashed import BUNDLE, NEW, OLD, FlashedBoard
from tests.gateway.api.rig import Rig, rpc_body
from tests.gateway.api.services import NOON
from tests.gateway.api.test_token_revoke import id_of

BYTES = {"Content-Type": "application/octet-stream"}
SHA256 = hashlib.sha256(BUNDLE).hexdigest()
MIB = 2**20


@pytest.fixture
def board(tmp_path: Path) -> FlashedBoard:
    return FlashedBoard(tmp_path / "board")


@pytest.fixture
async def rig(tmp_path: Path, board: FlashedBoard) -> Rig:
    return Rig(tmp_path, routes=board.routes)


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer("system:update", "system:read"))
        yield client


async def send(api: httpx.AsyncClient, content: Any = BUNDLE, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.put(UPDATE, content=content, headers=BYTES | named)


async def standing(api: httpx.AsyncClient) -> Any:
    response = await api.get(UPDATE)
    assert response.status_code == 200
    return response.json()["data"]


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def test_a_bundle_is_there_for_the_update_with_who_sent_it(
    rig: Rig, api: httpx.AsyncClient, board: FlashedBoard
) -> None:
    sent = await send(api)
    assert sent.status_code == 202, sent.text
    waiting = {"asked_by": "operator", "at": "2027-01-15T08:00:00Z", "sha256": SHA256, "size": len(BUNDLE)}
    assert sent.json()["data"]["waiting"] == waiting
    assert board.sent.keys() == {"wanted.json", "wanted.raucb"}
    assert board.sent["wanted.raucb"] == BUNDLE
    about = msgspec.json.decode(board.sent["wanted.json"], type=Wanted)
    assert about == Wanted(asked_by="operator", at=int(NOON), sha256=SHA256, size=len(BUNDLE))
    for path in (board.state / "update").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [noted] = rig.audit.of("update.send")
    assert (noted.outcome, noted.target) == (AuditOutcome.DONE, f"sha256:{SHA256}")


async def test_while_it_is_not_taken_no_other_one_is(api: httpx.AsyncClient, board: FlashedBoard) -> None:
    await send(api)
    before = board.sent
    refused = await send(api, BUNDLE + b"more")
    assert (refused.status_code, "an update is under way" in refused.text) == (409, True)
    assert board.sent == before
    (board.state / "update" / "wanted.raucb").unlink()
    assert (await send(api)).status_code == 202


@pytest.mark.parametrize("phase", ["installing", "restarting", "on_trial"])
async def test_while_an_update_is_under_way_none_is_taken(
    api: httpx.AsyncClient, board: FlashedBoard, phase: Any
) -> None:
    board.became(UpdateState(phase=phase))
    refused = await send(api)
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["meta"] == {"phase": phase}
    assert board.sent == {}


@pytest.mark.parametrize("phase", ["idle", "kept", "fell_back", "refused"])
async def test_after_an_update_the_next_one_is_taken(api: httpx.AsyncClient, board: FlashedBoard, phase: Any) -> None:
    board.became(UpdateState(phase=phase))
    assert (await send(api)).status_code == 202


async def test_an_update_that_begins_on_the_board_meanwhile_comes_first(
    api: httpx.AsyncClient, board: FlashedBoard
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BUNDLE
        board.became(UpdateState(phase="installing"))

    assert (await send(api, pieces())).status_code == 409
    assert board.sent == {}


async def test_a_board_that_was_not_flashed_is_updated_with_its_package(
    api: httpx.AsyncClient, board: FlashedBoard
) -> None:
    board.places.slot.unlink()
    refused = await send(api)
    assert (refused.status_code, "apt install" in refused.json()["detail"]) == (409, True)
    found = await standing(api)
    assert found.pop("flashed") is False
    assert set(found.values()) == {None}


async def test_what_becomes_of_it_is_told(api: httpx.AsyncClient, board: FlashedBoard) -> None:
    board.became(
        UpdateState(
            phase="fell_back", since=NOON, before=OLD, target=NEW, reason="no line", lines=("bus",), asked_by="user:ann"
        )
    )
    old = {"version": "1.0.0", "built": "2023-11-14T22:13:20Z", "build": OLD.build}
    assert await standing(api) == {
        "flashed": True,
        "phase": "fell_back",
        "since": "2027-01-15T08:00:00Z",
        "reason": "no line",
        "before": old,
        "target": {"version": "1.1.0", "built": "2025-06-15T15:06:40Z", "build": NEW.build},
        "lines": ["bus"],
        "asked_by": "user:ann",
        "running": {"slot": "a", **old},
        "waiting": None,
    }


async def test_what_is_not_known_is_null(api: httpx.AsyncClient, board: FlashedBoard) -> None:
    board.places.system.unlink()
    found = await standing(api)
    assert found["running"] == {"slot": "a", "version": None, "built": None, "build": None}
    assert (found["phase"], found["since"], found["target"]) == ("idle", None, None)


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(100), b"hsq", b"hsqs", b"<html>"])
async def test_what_is_no_bundle_is_refused(api: httpx.AsyncClient, board: FlashedBoard, content: bytes) -> None:
    refused = await send(api, content)
    assert (refused.status_code, "this is no bundle" in refused.text) == (422, True)
    assert board.sent == {}


async def test_what_is_no_bundle_is_refused_before_all_of_it_has_come(
    api: httpx.AsyncClient, board: FlashedBoard
) -> None:
    asked = []

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"h", b"sq", b"x", b"and so on"):
            asked.append(piece)
            yield piece

    assert (await send(api, pieces())).status_code == 422
    assert asked[:3] == [b"h", b"sq", b"x"]
    assert len(board.sent) == 0


async def test_it_is_held_against_its_digest(api: httpx.AsyncClient, board: FlashedBoard) -> None:
    other = await send(api, Content_Digest=digest(b"another"))
    assert (other.status_code, SHA256 in other.text) == (422, True)
    assert board.sent == {}
    assert (await send(api, Content_Digest=f"sha-512=:AAAA:, {digest(BUNDLE)}")).status_code == 202


@pytest.mark.parametrize("said", ["sha-512=:AAAA:", "sha-256=:AAAA:", "sha-256=:****:", SHA256, "sha-256"])
async def test_a_digest_that_cannot_be_checked_is_refused(
    api: httpx.AsyncClient, board: FlashedBoard, said: str
) -> None:
    refused = await send(api, Content_Digest=said)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["source"] == {"header": "Content-Digest"}
    assert board.sent == {}


async def test_there_must_be_room_for_it_and_its_copy(api: httpx.AsyncClient, board: FlashedBoard) -> None:
    board.free = 64 * MIB + 2 * len(BUNDLE) - 1
    refused = await send(api)
    assert (refused.status_code, "1 MiB are missing" in refused.text) == (503, True)
    assert board.sent == {}
    board.free += 1
    assert (await send(api)).status_code == 202


async def test_what_does_not_say_how_long_it_is_stops_where_the_room_ends(
    api: httpx.AsyncClient, board: FlashedBoard
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BUNDLE
        board.free = 64 * MIB + 2 * len(BUNDLE)
        yield BUNDLE

    refused = await send(api, pieces())
    assert (refused.status_code, "no room" in refused.text) == (503, True)
    assert board.sent == {}


async def test_what_is_longer_than_any_bundle_is_refused_at_once(api: httpx.AsyncClient, board: FlashedBoard) -> None:
    assert (await send(api, b"hsqs", Content_Length=str(LARGEST + 1))).status_code == 413
    assert (await api.put(UPDATE, content=BUNDLE, headers={"Content-Type": "application/gzip"})).status_code == 415
    assert board.sent == {}


async def test_two_at_once_are_one_too_many(api: httpx.AsyncClient, board: FlashedBoard) -> None:
    begun, go_on = trio.Event(), trio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield BUNDLE
        begun.set()
        await go_on.wait()

    async with trio.open_nursery() as nursery:
        answers: list[int] = []

        async def first() -> None:
            answers.append((await send(api, pieces())).status_code)

        nursery.start_soon(first)
        await begun.wait()
        refused = await send(api)
        assert (refused.status_code, "another bundle" in refused.text) == (409, True)
        go_on.set()
    assert answers == [202]


async def test_over_the_network_a_bundle_comes_whole(rig: Rig, board: FlashedBoard) -> None:
    content = BUNDLE * 500
    headers = {**rig.bearer("system:update"), **BYTES, "Content-Digest": digest(content), "Expect": "100-continue"}
    async with rig.served(), rig.client() as client:
        sent = await client.put(UPDATE, content=content, headers=headers)
        assert sent.status_code == 202, sent.text
        assert board.sent["wanted.raucb"] == content
        assert (await client.put(UPDATE, content=content, headers=headers)).status_code == 409


async def test_a_caller_that_leaves_leaves_nothing(rig: Rig, board: FlashedBoard) -> None:
    token = rig.bearer("system:update")["Authorization"]
    head = f"PUT {UPDATE} HTTP/1.1\r\nHost: board\r\nContent-Type: application/octet-stream\r\n"
    async with rig.served():
        stream = await rig.connect()
        await stream.send_all(f"{head}Authorization: {token}\r\nContent-Length: 99999\r\n\r\n".encode() + BUNDLE)
        with trio.fail_after(60):
            while not board.sent:  # noqa: ASYNC110 - what comes into a directory tells nobody
                await trio.sleep(0.01)
            await stream.aclose()
            while board.sent:  # noqa: ASYNC110 - the same
                await trio.sleep(0.01)


async def test_half_a_bundle_of_an_earlier_run_is_removed(board: FlashedBoard) -> None:
    place = board.state / "update"
    place.mkdir()
    (place / "incoming-x.part").write_bytes(b"hsqs")
    (place / "wanted.raucb").write_bytes(BUNDLE)
    sent_updates(board.state, board.alerts, lambda: NOON)
    assert [path.name for path in place.iterdir()] == ["wanted.raucb"]


async def test_an_alert_stands_while_the_last_update_has_failed(board: FlashedBoard, nursery: trio.Nursery) -> None:
    board.became(UpdateState(phase="fell_back", target=NEW, reason="no line answered"))
    nursery.start_soon(board.updates.run)
    with trio.fail_after(60):
        await board.heard.wait()
    [alert] = board.alerts.standing()
    assert (alert.component, alert.summary) == ("update", "the update to 1.1.0 fell back: no line answered")
    board.became(UpdateState(phase="refused", reason="its signature is not good"))
    await board.updates.tell()
    assert [alert.summary for alert in board.alerts.standing()] == ["the update was refused: its signature is not good"]
    board.became(UpdateState(phase="installing"))
    await board.updates.tell()
    assert board.alerts.standing() == []
    assert [told["state"] for told in board.told] == ["firing", "resolved"]


async def test_where_there_are_no_updates_nothing_is_raised(board: FlashedBoard) -> None:
    board.places.slot.unlink()
    board.became(UpdateState(phase="refused"))
    with trio.fail_after(60):
        await board.updates.run()
    assert board.alerts.standing() == []


async def test_who_loses_the_right_meanwhile_has_sent_it_for_nothing(
    rig: Rig, api: httpx.AsyncClient, board: FlashedBoard
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BUNDLE
        answer = await api.post("/api/v1/rpc", json=rpc_body("token.revoke", {"tokenId": id_}), headers=rig.bearer("*"))
        assert answer.json()["result"]["revoked"]

    id_ = id_of({"Authorization": api.headers["Authorization"]})
    assert (await send(api, pieces())).status_code == 401
    assert board.sent == {}
