"""``ferrule events``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import events
from gateway.cli.main import main
from gateway.core import rfc3339
from gateway.core.catalogue import CATALOGUE
from tests.gateway.cli.peer import RpcPeer, serving

NOON = 1_800_000_000.0


class Logged(RpcPeer):
    """A gateway with a log of events; it gives a few at a time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.log: list[dict[str, Any]] = []
        self.calls = 0
        self.end_after = 0

    def say(self, number: int, ago: float, type_: str = "alarm:raised", **data: Any) -> None:
        self.log.append(
            {
                "type": type_,
                "timestamp": rfc3339.text(NOON - ago),
                "data": data,
                "id": str(number),
                "seq": number,
                "gateway": "g",
                "clock": "synchronised",
                "routingKey": None,
            }
        )

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "server.health":
            return {"result": {"timestamp": rfc3339.text(NOON)}}
        self.calls += 1
        found = [one for one in self.log if one["seq"] > params["after"]]
        page = found[: min(params["limit"], 20)]
        after = page[-1]["seq"] if page else params["after"]
        kind = params.get("type", "").removesuffix("*")
        result = {
            "events": [one for one in page if one["type"].startswith(kind)],
            "after": after,
            "more": len(found) > len(page),
            "complete": True,
        }
        return {"result": result}


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Logged]:
    with serving(Logged(tmp_path)) as made:
        yield made


def test_the_newest_of_the_last_hour_are_shown(peer: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    start = int((NOON - 86_400) * 1e6)
    for number in range(3000):
        peer.say(start + number, 86_400 - number)
    # After a restart the numbers leap.
    again = int((NOON - 600) * 1e6)
    for number in range(120):
        peer.say(again + number, 600 - number, alarm=f"a{number}", value=None, message="too hot")
    assert main(["events", *peer.words]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "70 earlier ones are left out: --all has them"
    assert len(shown) == 51
    assert shown[-1] == f'{rfc3339.text(NOON - 481)}  alarm:raised  alarm=a119 message="too hot"'
    assert peer.calls < 100
    assert main(["events", "--all", "--json", "--since", "10m", *peer.words]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["seq"] for event in found] == [again + number for number in range(120)]


def test_types_are_chosen_and_nothing_is_said_to_be_nothing(peer: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    peer.say(5, 30.0, "device:down", device="boiler")
    peer.say(6, 20.0, "alarm:cleared", alarm="hot")
    assert main(["events", "--type", "device:*", *peer.words]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{rfc3339.text(NOON - 30)}  device:down  device=boiler"]
    assert main(["events", "--since", "10s", *peer.words]) == 0
    assert capsys.readouterr().out == "nothing was said in that time\n"


def test_who_follows_sees_what_comes_until_ctrl_c(peer: Logged) -> None:
    peer.say(5, 30.0, alarm="first")
    words = [sys.executable, "-m", "gateway", "events", "--follow", "--json", *peer.words]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["seq"] == 5
        peer.say(6, 0.0, alarm="second")
        assert json.loads(follower.stdout.readline())["seq"] == 6
        follower.send_signal(signal.SIGINT)
        try:
            assert follower.wait(30) == 0
        finally:
            follower.kill()


def test_an_operator_may_see_every_event_of_the_catalogue() -> None:
    # Messages are for whom they are for.
    assert {one.scope for one in CATALOGUE.values()} - {"messaging:read"} <= set(events.SCOPES)
