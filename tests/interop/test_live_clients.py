"""WebSocket clients we did not write listen to events: websockets (Python) and ws (Node), over real TLS."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.e2e.programs import PATIENCE_S, missing, needed
from tests.gateway.api.live.stage import EVENTS, Stage
from tests.gateway.api.rig import Rig

NODE = Path(__file__).parent / "node"
T = TypeVar("T")


@pytest.fixture
async def stage(tmp_path: Path, nursery: trio.Nursery) -> Stage:
    stage = Stage(Rig(tmp_path), nursery)
    nursery.start_soon(stage.live.run)
    return stage


async def heard(stage: Stage, listen: Callable[[], T], count: int) -> T:
    """What a client says in a thread that listens while so many events happen."""
    async with stage.rig.served(app=stage.live, limits=stage.server_limits):

        async def happen() -> None:
            while not stage.live.wants("alarm:raised"):  # noqa: ASYNC110 - a client in a thread subscribes
                await trio.sleep(0.01)
            for _ in range(count):
                stage.announce(data={"name": "größer"})
                stage.announce(data={"name": "smaller"})

        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(happen)
                said = await trio.to_thread.run_sync(listen)
                nursery.cancel_scope.cancel()
    return said


def open_(stage: Stage, **more: Any) -> ClientConnection:
    url = f"wss://127.0.0.1:{stage.rig.port}{EVENTS}"
    # With a queue it stops reading when that is full, and does not see our close frame behind it.
    connection: ClientConnection = connect(url, ssl=stage.rig.trusting(), proxy=None, max_queue=None, **more)
    return connection


def talk(peer: ClientConnection, type_: str, **members: object) -> Any:
    peer.send(json.dumps({"type": type_, **members}))
    return json.loads(peer.recv())


async def test_websockets_listens_pings_and_closes(stage: Stage) -> None:
    def listen() -> tuple[list[int], int | None]:
        with open_(stage) as peer:
            assert not peer.protocol.extensions
            assert talk(peer, "auth", token=stage.token())["type"] == "auth_ok"
            assert talk(peer, "subscribe", channels=["alarms"], filter={"name": ["größer"]})["channels"] == ["alarms"]
            numbers = [json.loads(peer.recv())["seq"] for _ in range(50)]
            assert peer.ping().wait(5)
            peer.close(4000, "enough")
            return numbers, peer.close_code

    numbers, code = await heard(stage, listen, 50)
    assert numbers == list(range(1, 100, 2))
    assert code == 4000


async def test_websockets_comes_again_where_it_left(stage: Stage) -> None:
    def listen() -> list[int]:
        numbers: list[int] = []
        headers = {"Authorization": f"Bearer {stage.token()}"}
        while len(numbers) < 60:
            with open_(stage, additional_headers=headers) as peer:
                last = numbers[-1] if numbers else 0
                answer = talk(peer, "subscribe", patterns=["alarm:raised"], resume_from=last)
                assert answer["resumed"] == {"from": last, "complete": True}
                numbers += [json.loads(peer.recv())["seq"] for _ in range(7)]
        return numbers[:60]

    assert await heard(stage, listen, 40) == list(range(1, 61))


async def test_websockets_is_told_why_it_is_closed_or_refused(stage: Stage) -> None:
    def listen() -> tuple[list[int | None], list[int]]:
        codes, statuses = [], []
        for said in ('{"type": "auth", "token": "x"}', '{"type": "subscribe"}', b"bytes", "x" * 65_537):
            with open_(stage) as peer:
                peer.send(said)
                with pytest.raises(ConnectionClosed):
                    while True:
                        peer.recv()
                codes.append(peer.close_code)
        for more in ({"additional_headers": {"Authorization": "Bearer x"}}, {"origin": Origin("https://evil.example")}):
            with pytest.raises(InvalidStatus) as refusal:
                open_(stage, **more)
            statuses.append(refusal.value.response.status_code)
        return codes, statuses

    codes, statuses = await heard(stage, listen, 0)
    assert codes == [4401, 4401, 1003, 1009]
    assert statuses == [401, 403]


async def test_ws_of_node_listens_pings_and_closes(stage: Stage) -> None:
    node = needed("node")
    if not (NODE / "node_modules" / "ws").is_dir():
        missing("ws is not installed: .ci/node-clients")
    token = stage.token()

    def listen() -> dict[str, Any]:
        command = [node, NODE / "listen.js", str(stage.rig.port), stage.rig.state / "ca.pem", token, "20"]
        run = partial(subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        ended = run()
        assert ended.returncode == 0, ended.stderr
        told: dict[str, Any] = json.loads(ended.stdout)
        return told

    told = await heard(stage, listen, 20)
    assert [frame["type"] for frame in told["frames"][:2]] == ["auth_ok", "subscribed"]
    assert [frame["seq"] for frame in told["frames"][2:]] == list(range(1, 40, 2))
    assert told["frames"][2]["data"] == {"name": "größer"}
    assert told["pongs"] == ["between"]
    assert told["extensions"] == ""
    assert told["closed"][0] == 4000
