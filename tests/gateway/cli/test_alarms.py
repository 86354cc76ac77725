"""``ferrule alarms``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.alarms import in_one_line, meant_by
from gateway.cli.main import CommandError, main
from tests.gateway.cli.peer import RpcPeer, serving

ID = "alarm-019ab1c4-9d0e-7b6a-8f0e-3d7c1f4a2b11"


def alarm(name: str, alarm_id: str | None = ID, **changes: Any) -> dict[str, Any]:
    return {
        "alarmId": alarm_id,
        "alarm": name,
        "tag": "bus/boiler/flow",
        "device": None,
        "severity": "critical",
        "condition": "high",
        "state": "normal" if alarm_id is None else "raised",
        "frozen": False,
        "reason": None,
        "value": 91.5,
        "current": 92.5,
        "limit": 90.0,
        "units": "°C",
        "message": "too hot",
        "raisedAt": None if alarm_id is None else "2026-11-22T08:13:46.123Z",
        "clearedAt": None,
        "acknowledgedAt": None,
        "clock": None if alarm_id is None else "synchronised",
        "acknowledgedBy": None,
        "comment": None,
        "times": 1,
    } | changes


class Alarms(RpcPeer):
    """A gateway that has alarms, and answers two of them at a time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.alarms = [alarm("hot"), alarm("cold", ID[:-1] + "2", severity="warning"), alarm("fast", None)]
        self.state = "acknowledged"
        self.error: dict[str, Any] | None = None

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((method, params))
        if method == "alarm.ack":
            if self.error is not None:
                return {"error": self.error}
            [found] = [one for one in self.alarms if one["alarmId"] == params["alarmId"]]
            said = {"state": self.state, "acknowledgedBy": "me", "acknowledgedAt": "then"}
            return {"result": found | said}
        rows = [one for one in self.alarms if one["alarmId"] or "state" not in params]
        start = params.get("offset", 0)
        return {"result": {"alarms": rows[start : start + 2], "total": len(rows)}}


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Alarms]:
    with serving(Alarms(tmp_path)) as made:
        yield made


def test_what_stands_is_shown_with_the_end_of_its_id(peer: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    peer.alarms[1] |= {"frozen": True, "reason": "no_answer", "current": None, "clock": "unsynchronised"}
    assert main(["alarms", *peer.words]) == 0
    header, hot, cold = capsys.readouterr().out.splitlines()
    assert header.split() == ["id", "severity", "state", "since", "alarm", "on", "now", "limit", "message"]
    assert hot.split()[:3] == ["7c1f4a2b11", "critical", "raised"]
    assert "92.5 °C" in hot
    assert hot.split()[-4:] == ["90", "°C", "too", "hot"]
    assert "raised, frozen: no_answer" in cold
    assert "(clock was not set)" in cold
    assert peer.calls == [("alarm.list", {"state": "standing"})]


def test_all_of_them_are_asked_for_page_by_page(peer: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alarms", "--all", "--json", *peer.words]) == 0
    assert json.loads(capsys.readouterr().out) == {"alarms": peer.alarms, "total": 3}
    assert peer.calls == [("alarm.list", {}), ("alarm.list", {"offset": 2})]
    assert main(["alarms", "--all", *peer.words]) == 0
    assert capsys.readouterr().out.splitlines()[3].split()[:4] == ["-", "critical", "normal", "-"]


def test_nothing_is_said_to_be_nothing(peer: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    peer.alarms = []
    assert main(["alarms", *peer.words]) == 0
    assert capsys.readouterr().out == "no alarm stands\n"
    assert main(["alarms", "--all", *peer.words]) == 0
    assert "no alarm is configured" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["hot", "4a2b11", "7C1F4A2B11", ID])
def test_an_alarm_is_acknowledged_by_its_id_the_end_of_it_or_its_name(
    word: str, peer: Alarms, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["alarms", "ack", *peer.words, word, "--comment", "seen"]) == 0
    assert peer.calls[-1] == ("alarm.ack", {"alarmId": ID, "comment": "seen"})
    # Whoever has the whole id need not be allowed to read.
    assert len(peer.calls) == (1 if word == ID else 2)
    assert "hot on bus/boiler/flow: acknowledged by me" in capsys.readouterr().out


def test_what_is_said_in_front_of_the_action_counts(peer: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    peer.state = "normal"
    assert main(["alarms", *peer.words, "--json", "ack", "hot"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "normal"
    assert main(["alarms", *peer.words, "ack", "hot"]) == 0
    assert "it is over, and normal now" in capsys.readouterr().out


def test_a_refusal_says_that_nothing_was_acknowledged(peer: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    reason = "no alarm with this id stands; alarm.list names those that do"
    data = {"reason": reason, "field": "alarmId", "provided": ID}
    peer.error = {"code": -32010, "message": "Not found", "data": data}
    assert main(["alarms", "ack", *peer.words, ID]) == 2
    said = capsys.readouterr().err
    assert "ferrule alarms names those that do; nothing was acknowledged" in said


def test_a_word_that_means_none_or_several_is_refused() -> None:
    alarms = [alarm("hot"), alarm("hot", ID[:-2] + "77", tag=None, device="bus/boiler"), alarm("cold", ID[:-2] + "88")]
    with pytest.raises(CommandError, match=r"several .* 7c1f4a2b11 \(bus/boiler/flow\), 7c1f4a2b77 \(bus/boiler\)"):
        meant_by("hot", alarms)
    with pytest.raises(CommandError, match='Did you mean "cold"'):
        meant_by("colt", alarms)
    with pytest.raises(CommandError, match="no alarm"):
        meant_by("b11", alarms)


@pytest.mark.parametrize(
    ("changes", "words", "style"),
    [
        ({}, "critical: alarm hot: too hot, now 92.5 °C", "red"),
        (
            {"state": "cleared", "current": 80.0},
            "critical: alarm hot: too hot, now 80 °C, over but not acknowledged",
            "red",
        ),
        ({"state": "acknowledged", "severity": "info"}, "info: alarm hot: too hot, now 92.5 °C, acknowledged", "dim"),
        (
            {"frozen": True, "reason": "no_answer", "current": None},
            "critical: alarm hot: too hot, frozen: no_answer",
            "red",
        ),
        ({"current": "no_answer", "limit": None}, "critical: alarm hot: too hot", "red"),
    ],
)
def test_an_alarm_in_one_line_says_what_matters_now(changes: dict[str, Any], words: str, style: str) -> None:
    assert in_one_line(alarm("hot", **changes)) == (f"{words} (since 2026-11-22T08:13:46.123Z)", style)
