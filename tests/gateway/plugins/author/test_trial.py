"""A plugin is tried beside a little gateway: what it does there is what it would do in the real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.core.ports import Json
from gateway.plugins.author.overheard import Said, Side
from gateway.plugins.author.steps import Ask, Configure, Emit, Hear, Quit, SetTag, Step, Wait
from gateway.plugins.author.trial import Outcome, Trial, Trying
from gateway.plugins.manifest import Entry, Manifest
from tests.gateway.plugins.host.fakes import WALL, FakeProcess, FakeRunner, Program

SCHEMA = {
    "type": "object",
    "properties": {"tag": {"type": "string"}, "pin": {"type": "string", "secret": True}},
    "additionalProperties": False,
}
MANIFEST = Manifest(
    id="scale",
    name="Scale",
    version="1.0.0",
    category="integration",
    entry=Entry("python", ["main.py"]),
    files={"main.py": "0" * 64},
    config_schema=SCHEMA,
    permissions=["read-tags:boiler/*", "read-events", "publish-readings:derived/*", "send-messages"],
)


@dataclass
class Tried:
    outcome: Outcome
    said: list[Said]
    wrong: list[str]

    def of(self, side: Side, what: str, method: str) -> list[Any]:
        """What was said of this kind."""
        return [one.body for one in self.said if (one.side, one.what, one.method) == (side, what, method)]


@dataclass
class Bench:
    path: Path
    more: dict[str, Any] = field(default_factory=dict)

    async def tries(self, program: Program, *steps: Step, ends_after: float | None = None) -> Tried:
        """Try a program, and have it end after so many seconds."""
        said: list[Said] = []
        wrong: list[str] = []
        trial = Trial(
            manifest=MANIFEST,
            package=self.path,
            ground=self.path / "ground",
            permissions=tuple(MANIFEST.permissions),
            **self.more,
        )

        left = iter(steps)

        async def next_step() -> Step | None:
            await trio.lowlevel.checkpoint()
            return next(left, None)

        async with trio.open_nursery() as nursery:
            runner = FakeRunner(nursery, program)
            trying = Trying(trial, runner, said.append, wrong.append, lambda: WALL, own_users=False)
            if ends_after is not None:
                nursery.start_soon(_end_after, trying, ends_after)
            outcome = await trying.run(next_step)
            nursery.cancel_scope.cancel()
        return Tried(outcome, said, wrong)


async def _end_after(trying: Trying, seconds: float) -> None:
    await trio.sleep(seconds)
    trying.end()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def asking(*calls: tuple[str, Mapping[str, Json]], answers: Mapping[str, Any] | None = None) -> Program:
    """A plugin that asks for something once it is initialised, and answers everything."""

    async def program(process: FakeProcess) -> None:
        ready = {"initialize": {}, "health": {"status": "healthy"}, "shutdown": {}, **(answers or {})}
        while (heard := await process.hear()) is not None:
            if "method" not in heard or "id" not in heard:
                continue
            answer = ready.get(heard["method"], {"code": -32601, "message": "no such method"})
            wrong = isinstance(answer, dict) and "code" in answer
            await process.say({"id": heard["id"], "error" if wrong else "result": answer})
            if heard["method"] == "initialize":
                for number, (method, params) in enumerate(calls):
                    await process.say({"id": number, "method": method, "params": params})
        process.end(0)

    return program


SUBSCRIBE = ("event.subscribe", {"name": "all", "patterns": ["*"]})


async def test_tags_that_change_are_events_and_what_it_publishes_is_a_tag(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.more = {"tags": (SetTag("boiler/temp", 20.0),)}
    calls: Sequence[tuple[str, Mapping[str, Json]]] = (
        SUBSCRIBE,
        ("tag.list", {}),
        ("tag.read", {"tags": ["boiler/temp"]}),
        ("reading.publish", {"tag": "derived/x", "value": None, "quality": "bad"}),
    )
    found = await bench.tries(asking(*calls), SetTag("boiler/temp", 21.0), SetTag("boiler/temp", None, "bad"))
    assert found.outcome.sound
    assert found.outcome.refused == 0
    [listed] = found.of(Side.GATEWAY, "answer", "tag.list")
    assert [row["tag"] for row in listed["tags"]] == ["boiler/temp"]
    [read] = found.of(Side.GATEWAY, "answer", "tag.read")
    assert (read["readings"][0]["value"], read["readings"][0]["quality"]) == (20.0, "good")
    told = [one["event"]["data"] for one in found.of(Side.GATEWAY, "notification", "event")]
    assert [(one["tag"], one["value"], one["reason"]) for one in told] == [
        ("boiler/temp", 21.0, None),
        ("boiler/temp", None, "no_answer"),
    ]


async def test_what_it_may_not_is_refused_as_the_gateway_does(bench: Bench, autojump_clock: MockClock) -> None:
    calls = (("tag.read", {"tags": ["heat/x"]}), ("storage.get", {"key": "a"}), ("tag.read", {"tags": ["boiler/x"]}))
    found = await bench.tries(asking(*calls))
    refused = found.of(Side.GATEWAY, "error", "tag.read") + found.of(Side.GATEWAY, "error", "storage.get")
    assert [one["code"] for one in refused] == [-32001, -32602, -32001]
    assert "--tag boiler/x=20" in refused[1]["message"]
    assert found.outcome.refused == 3
    assert found.outcome.sound


async def test_other_plugins_ask_and_answer(bench: Bench, autojump_clock: MockClock) -> None:
    bench.more = {"answers": {"analytics": {"mean": 3}}}
    calls: Sequence[tuple[str, Mapping[str, Json]]] = (
        ("message.send", {"to": "analytics", "type": "mean", "timeout": 5}),
        ("message.send", {"to": "nobody", "type": "mean"}),
    )
    found = await bench.tries(asking(*calls, answers={"message": {"kilowatts": 4}}), Ask("power", {"a": 1}))
    [sent] = found.of(Side.GATEWAY, "answer", "message.send")
    assert sent["answer"] == {"mean": 3}
    [refused] = found.of(Side.GATEWAY, "error", "message.send")
    assert "--answer nobody=JSON" in refused["message"]
    [asked] = found.of(Side.GATEWAY, "request", "message")
    assert (asked["type"], asked["payload"]) == ("power", {"a": 1})
    assert found.of(Side.PLUGIN, "answer", "message") == [{"kilowatts": 4}]


async def test_serial_lines_and_events_of_others(bench: Bench, autojump_clock: MockClock) -> None:
    calls = (SUBSCRIBE,)
    found = await bench.tries(asking(*calls), Emit("analytics:done", {"a": 1}), Hear("scale", "x"), Wait(5.0))
    [event] = found.of(Side.GATEWAY, "notification", "event")
    assert (event["subscriptions"], event["event"]["type"], event["event"]["data"]) == (
        ["all"],
        "analytics:done",
        {"a": 1},
    )


async def test_a_configuration_is_held_against_the_schema_and_its_secrets_are_not_shown(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.more = {"config": {"tag": "a", "pin": "1234"}}
    program = asking(answers={"config": {}})
    found = await bench.tries(program, Configure({"tag": 3}), Configure({"tog": "x"}), Configure({"pin": "5678"}))
    assert found.wrong == [
        "the configuration does not fit, and stays as it was: tag: must be of type string",
        'the configuration does not fit, and stays as it was: ["tog"]: the schema has no such member',
    ]
    assert found.of(Side.GATEWAY, "request", "config") == [{"config": {"pin": "********"}}]
    [begun] = found.of(Side.GATEWAY, "request", "initialize")
    assert begun["config"] == {"tag": "a", "pin": "********"}
    assert found.outcome.sound


async def test_one_that_falls_is_not_started_again_and_says_why(bench: Bench, autojump_clock: MockClock) -> None:
    async def falls(process: FakeProcess) -> None:
        await process.hear()
        await process.complains.send_all(b"Traceback: no such thing\n")
        process.end(3)

    found = await bench.tries(falls, Wait(1000.0))
    assert found.outcome.fault == "it ended by itself with code 3: see its log"
    assert not found.outcome.sound
    assert Said(Side.PRINTED, "text", "", "Traceback: no such thing") in found.said


async def test_one_that_says_that_it_is_unhealthy_is_not_sound(bench: Bench, autojump_clock: MockClock) -> None:
    found = await bench.tries(asking(answers={"health": {"status": "unhealthy", "detail": "no scale"}}))
    assert (found.outcome.sound, found.outcome.report.health_detail) == (False, "no scale")


async def test_what_it_prints_among_its_messages_is_shown_as_that(bench: Bench, autojump_clock: MockClock) -> None:
    async def prints(process: FakeProcess) -> None:
        await process.say(b"hello")
        await process.behave()

    found = await bench.tries(prints)
    assert Said(Side.PRINTED, "text", "", "hello") in found.said


@pytest.mark.parametrize(("seconds", "steps", "lasts"), [(60.0, [], 60.0), (60.0, [Quit()], 3.0), (None, [], 4.0)])
async def test_it_lasts_as_long_as_was_said_or_to_the_end_of_its_steps(
    seconds: float | None, steps: list[Step], lasts: float, bench: Bench, autojump_clock: MockClock
) -> None:
    bench.more = {"seconds": seconds}
    begun = trio.current_time()
    found = await bench.tries(asking(), *steps)
    assert found.outcome.sound
    took = trio.current_time() - begun
    assert lasts - 3.0 <= took <= lasts + 1.0


async def test_who_ends_it_does_not_wait_for_one_that_never_answers(bench: Bench, autojump_clock: MockClock) -> None:
    async def silent(process: FakeProcess) -> None:
        while await process.hear() is not None:
            pass

    begun = trio.current_time()
    found = await bench.tries(silent, ends_after=2.0)
    assert trio.current_time() - begun < 10.0
    assert (found.outcome.sound, found.outcome.fault) == (False, None)
    found = await bench.tries(silent)
    assert found.outcome.fault == "it did not answer initialize within 30 s: see its log"
