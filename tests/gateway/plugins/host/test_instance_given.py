"""What an instance is given and what it says: events, messages, configurations, and its log."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.patterns import parse_selection
from gateway.plugins.host.asking import MOST_MESSAGES
from gateway.plugins.host.states import State

from .fakes import FakeProcess, event
from .lives import good, living, saying, scene


async def test_events_reach_who_subscribed_and_may(autojump_clock: MockClock) -> None:
    heard: list[dict[str, Any]] = []

    async def program(process: FakeProcess) -> None:
        while (message := await process.hear()) is not None:
            heard.append(message)
            if "id" in message:
                await process.say({"id": message["id"], "result": {"status": "healthy"}})

    given = {"temps": parse_selection(["tag:changed"], {"tag": ["boiler/plc/temp", "other/plc/temp"]}, "x")}
    async with scene(program, permissions=("read-events:tag:changed", "read-tags:boiler/*"), subscriptions=given) as on:
        await on.instance.activate(None)
        for sequence, tag in enumerate(["boiler/plc/temp", "boiler/plc/set", "other/plc/temp"]):
            on.instance.offer(event("tag:changed", {"tag": tag, "value": 1}, sequence))
        on.instance.offer(event("alarm:raised", {"tag": "boiler/plc/temp"}))
        await trio.sleep(1)
        got = [message["params"] for message in heard if message["method"] == "event"]
        assert len(got) == 1
        assert got[0]["subscriptions"] == ["temps"]
        assert got[0]["event"]["data"] == {"tag": "boiler/plc/temp", "value": 1}
        assert on.instance.report().events == 1


async def test_who_is_too_slow_for_events_is_told_how_many_it_missed(autojump_clock: MockClock) -> None:
    missed: list[int] = []

    async def program(process: FakeProcess) -> None:
        while (message := await process.hear()) is not None:
            if "id" in message:
                await process.say({"id": message["id"], "result": {"status": "healthy"}})
            else:
                missed.append(message["params"]["missed"])

    given = {"all": parse_selection(["*"], {}, "x")}
    async with scene(program, permissions=("read-events",), subscriptions=given) as on:
        await on.instance.activate(None)
        for sequence in range(1000):
            on.instance.offer(event("user:action", {}, sequence))
        await trio.sleep(5)
        assert sum(missed) == on.instance.report().events_missed == 1000 - 256
        assert on.instance.report().events == len(missed) == 256


async def test_messages_are_answered_counted_and_timed(autojump_clock: MockClock) -> None:
    async def program(process: FakeProcess) -> None:
        while (message := await process.hear()) is not None:
            if message["method"] == "message":
                await trio.sleep(2)
                if message["params"]["type"] == "bad":
                    await process.say({"id": message["id"], "error": {"code": 1, "message": "broken scale"}})
                    continue
                await process.say({"id": message["id"], "result": {"weight": 12}})
            else:
                await process.say({"id": message["id"], "result": {"status": "healthy"}})

    async with scene(program) as on:
        with pytest.raises(GatewayError) as caught:
            await on.instance.message({"type": "weigh"}, 5)
        assert caught.value.code is Code.CONFLICT
        await on.instance.activate(None)
        assert await on.instance.message({"type": "weigh"}, 5) == {"weight": 12}
        with pytest.raises(GatewayError, match="broken scale"):
            await on.instance.message({"type": "bad"}, 5)
        with pytest.raises(GatewayError) as caught:
            await on.instance.message({"type": "weigh"}, 1)
        assert caught.value.details == {"code": "timeout"}
        report = on.instance.report()
        assert (report.invocations, report.errors) == (3, 2)
        assert report.average_response == pytest.approx(5 / 3)


async def test_so_many_messages_and_no_more_and_health_is_still_asked(autojump_clock: MockClock) -> None:
    async with scene(saying()) as on:
        await on.instance.activate(None)
        refused = 0

        async def send() -> None:
            nonlocal refused
            try:
                await on.instance.message({"type": "x"}, 1)
            except GatewayError as error:
                refused += error.details.get("code") == "busy"

        async with trio.open_nursery() as nursery:
            for _ in range(MOST_MESSAGES + 5):
                nursery.start_soon(send)
        assert refused == 5


@pytest.mark.parametrize(
    ("answer", "error", "processes"),
    [
        ({}, None, 1),
        ({"code": -32601, "message": "no such method"}, None, 2),
        ({"code": -32602, "message": "rate: too fast"}, "rate: too fast", 1),
    ],
)
async def test_another_configuration_is_taken_refused_or_needs_a_start(
    answer: dict[str, Any], error: str | None, processes: int, autojump_clock: MockClock
) -> None:
    async with scene(saying(config=answer), config={"rate": 1}) as on:
        await on.instance.activate(None)
        if error is None:
            await on.instance.configure({"rate": 2}, "user:ada")
        else:
            with pytest.raises(GatewayError, match=error):
                await on.instance.configure({"rate": 2}, "user:ada")
        await trio.sleep(5)
        assert on.has(State.ACTIVE)
        assert len(on.runner.processes) == processes
        assert on.instance.spec.config == {"rate": 1 if error else 2}
        assert ("plugin:config_updated" in on.gateway.types()) is (error is None)
        assert on.instance.report().restarts == 0


async def test_a_new_configuration_ends_the_wait_of_one_that_fell(autojump_clock: MockClock) -> None:
    async with scene(*[living(0)] * 4, good) as on:
        await on.instance.activate(None)
        await trio.sleep(50)
        assert on.instance.report().parked
        await on.instance.configure({"fixed": True}, None)
        await trio.sleep(1)
        assert on.has(State.ACTIVE)


@pytest.mark.parametrize("source", ["stdout", "stderr"])
async def test_who_prints_is_logged_so_much_and_no_more(source: str, autojump_clock: MockClock) -> None:
    async def calm(process: FakeProcess) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.behave)
            for _ in range(2000):
                if source == "stdout":
                    await process.say(b"babble")
                else:
                    await process.complains.send_all(b"oh no\n")
                await trio.sleep(0.001)
            await trio.sleep_forever()

    async with scene(calm) as on:
        await on.instance.activate(None)
        await trio.sleep(30)
        notes = on.instance.notes.last()
        assert len([note for note in notes if note.source == source]) <= 200
        assert on.instance.report().suppressed > 1800
        assert on.has(State.ACTIVE)


async def test_whatever_it_sends_it_is_served_or_refused(autojump_clock: MockClock) -> None:
    answers: list[dict[str, Any]] = []

    async def program(process: FakeProcess) -> None:
        for _ in range(2):
            first = await process.hear() or {}
            await process.say({"id": first["id"], "result": {"status": "healthy"}})
        await process.say({"id": 1, "method": "tag.read", "params": {"tags": ["boiler/plc/temp"]}})
        await process.say({"id": 2, "method": "tag.write", "params": {"tag": "boiler/plc/set", "value": 1}})
        await process.say({"id": 3, "method": "rm"})
        await process.say(b"{" * 40)
        await process.say(b"[" * 300_000)
        await process.say(b"\xff\xfe{")
        answers.extend([await process.hear() or {} for _ in range(5)])
        await process.behave()

    async with scene(program, permissions=("read-tags",)) as on:
        await on.instance.activate(None)
        await trio.sleep(2)
        by_id = {answer["id"]: answer for answer in answers}
        assert by_id[1]["result"]["readings"][0]["value"] == 21.5
        assert by_id[2]["error"]["data"] == {"permission": "write-tags:boiler/plc/set"}
        assert by_id[3]["error"]["code"] == -32601
        report = on.instance.report()
        assert (report.requests, report.request_errors) == (3, 2)
        assert (report.counts.garbage, report.counts.too_long) == (2, 1)
        assert on.has(State.ACTIVE)
