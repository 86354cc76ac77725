"""An instance over its lives, on virtual time: started, watched, started again, parked, stopped."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.plugins.host.sandbox import MEBI, Bounds, Protection
from gateway.plugins.host.states import Health, State
from gateway.plugins.host.usage import Usage

from .fakes import FakeProcess, Program
from .lives import good, living, saying, scene, silent


async def test_it_becomes_active_and_ends_when_told_to(autojump_clock: MockClock) -> None:
    async with scene(saying(health={"status": "degraded", "detail": "no scale"}), capabilities=("weigh",)) as on:
        assert on.has(State.INACTIVE)
        assert on.instance.report().uptime_percentage is None
        await on.instance.activate("user:ada")
        assert on.has(State.ACTIVE)
        assert on.gateway.told == [
            (
                "plugin:activated",
                {
                    "plugin_id": "scale",
                    "instance_id": "scale-1",
                    "capabilities": ["weigh"],
                    "health_status": Health.DEGRADED,
                },
            )
        ]
        await on.instance.activate("user:ada")
        await trio.sleep(100)
        report = on.instance.report()
        assert (report.health, report.health_detail) == (Health.DEGRADED, "no scale")
        assert report.uptime_percentage == pytest.approx(100)
        assert report.running_seconds == pytest.approx(100)
        assert report.degraded == (Protection.CPU,)
        assert (report.invocations, report.average_response, report.p95_response) == (0, None, None)
        await on.instance.deactivate("user:ada")
        assert on.process.code == 0
        assert not on.process.terminated.is_set()
        assert (on.state, on.process.destroyed) == (State.INACTIVE, 1)
        assert on.gateway.types() == ["plugin:activated", "plugin:deactivated"]
        assert on.gateway.told[1][1]["by"] == "user:ada"
        assert on.instance.report().usage is None
        await on.instance.activate(None)
        assert len(on.runner.processes) == 2


async def test_initialize_brings_what_it_needs(autojump_clock: MockClock) -> None:
    heard: list[dict[str, Any]] = []

    async def program(process: FakeProcess) -> None:
        heard.append(await process.hear() or {})
        await process.say({"id": heard[0]["id"], "result": {}})
        await process.behave()

    async with scene(program, config={"key": "s3cret"}, permissions=("read-tags:boiler/*", "use-network")) as on:
        await on.instance.activate(None)
        assert heard[0]["method"] == "initialize"
        assert heard[0]["params"] == {
            "protocol": 1,
            "instance": "scale-1",
            "plugin": "scale",
            "version": "1.0.0",
            "config": {"key": "s3cret"},
            "permissions": ["read-tags:boiler/*", "use-network"],
            "subscriptions": [],
        }
        assert on.runner.sandboxes[0].network
        assert "s3cret" not in repr(on.instance.spec)


async def test_who_falls_is_started_again_then_parked_then_tried_again(autojump_clock: MockClock) -> None:
    async with scene(living(2)) as on:
        await on.instance.activate(None)
        await trio.sleep(1000)
        starts = on.runner.started_at
        # Pauses of 1, 2 and 4 s, then ten minutes, then the same again.
        pauses = [later - earlier - 2 for earlier, later in pairwise(starts)]
        assert pauses[:5] == [pytest.approx(pause) for pause in (1, 2, 4, 600, 1)]
        fell = [data for type_, data in on.gateway.told if type_ == "plugin:error"]
        assert [data["reason"] for data in fell[:4]] == ["ended", "ended", "ended", "parked"]
        assert "code 1" in str(fell[0]["message"])
        assert all(process.destroyed == 1 for process in on.runner.processes)


async def test_while_parked_it_says_so_and_uptime_falls(autojump_clock: MockClock) -> None:
    async with scene(living(1)) as on:
        await on.instance.activate(None)
        await trio.sleep(100)
        report = on.instance.report()
        assert (report.state, report.parked, report.restarts) == (State.ERROR, True, 4)
        assert report.fall is not None
        assert report.uptime_percentage == pytest.approx(4, abs=0.5)
        await on.instance.activate(None)
        assert on.has(State.ACTIVE)


async def test_what_does_not_start_says_why(autojump_clock: MockClock) -> None:
    async with scene(OSError("no such file: node"), good) as on:
        await on.instance.activate(None)
        assert on.has(State.ERROR)
        fall = on.instance.report().fall
        assert fall is not None
        assert (fall.reason, fall.message) == ("not_started", "no such file: node")
        await trio.sleep(2)
        assert on.has(State.ACTIVE)


@pytest.mark.parametrize(
    ("program", "reason", "words"),
    [
        (silent, "not_initialized", "within 30 s"),
        (saying(initialize={"code": -32602, "message": "config.port: missing"}), "not_initialized", "config.port"),
        (living(0, -11), "killed", "SIGSEGV"),
        (living(0, 3), "ended", "code 3"),
    ],
)
async def test_who_is_not_initialised_fell(
    program: Program, reason: str, words: str, autojump_clock: MockClock
) -> None:
    async with scene(program) as on:
        await on.instance.activate(None)
        fall = on.instance.report().fall
        assert on.has(State.ERROR)
        assert fall is not None
        assert fall.reason == reason
        assert words in fall.message
        assert on.gateway.types() == ["plugin:error"]


async def test_who_falls_silent_is_ended(autojump_clock: MockClock) -> None:
    async def program(process: FakeProcess) -> None:
        with trio.move_on_after(50):
            await process.behave()
        await trio.sleep_forever()

    async with scene(program) as on:
        await on.instance.activate(None)
        await trio.sleep(90)
        assert on.gateway.told[1][1]["reason"] == "silent"
        assert on.runner.processes[0].destroyed == 1


async def test_one_slow_answer_is_no_fall(autojump_clock: MockClock) -> None:
    async def program(process: FakeProcess) -> None:
        with trio.move_on_after(10):
            await process.behave()
        await trio.sleep(12)
        await process.behave()

    async with scene(program) as on:
        await on.instance.activate(None)
        await trio.sleep(300)
        assert on.has(State.ACTIVE)
        assert on.instance.report().counts.late == 1


async def test_who_does_not_end_is_told_by_a_signal_and_killed_in_the_end(autojump_clock: MockClock) -> None:
    async def stubborn(process: FakeProcess) -> None:
        while (heard := await process.hear()) is not None:
            if heard["method"] != "shutdown":
                await process.say({"id": heard["id"], "result": {"status": "healthy"}})
        await trio.sleep_forever()

    async with scene(stubborn) as on:
        await on.instance.activate(None)
        begun = trio.current_time()
        await on.instance.deactivate(None)
        assert on.process.terminated.is_set()
        assert on.process.code == -9
        assert trio.current_time() - begun <= 8
        assert on.has(State.INACTIVE)


async def test_who_is_starting_can_be_stopped_at_once(autojump_clock: MockClock) -> None:
    async with scene(silent) as on:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(on.instance.activate, None)
            await trio.sleep(1)
            await on.instance.deactivate(None)
        assert trio.current_time() < 5
        assert (on.state, on.process.destroyed) == (State.INACTIVE, 1)


async def test_a_suspended_one_cannot_be_activated(autojump_clock: MockClock) -> None:
    async with scene(good) as on:
        await on.instance.activate(None)
        await on.instance.suspend("admin")
        assert on.has(State.SUSPENDED)
        with pytest.raises(GatewayError, match="resume") as caught:
            await on.instance.activate(None)
        assert caught.value.code is Code.CONFLICT
        on.instance.resume()
        assert on.has(State.INACTIVE)
        await on.instance.activate(None)
        assert on.has(State.ACTIVE)


@pytest.mark.parametrize(
    ("taken", "kept", "reason"),
    [
        (Usage(1.0, 200 * MEBI, 1), (0, 0), "memory"),
        (None, (17 * MEBI, 1), "disk"),
        (None, (0, 501), "disk"),
    ],
)
async def test_who_takes_too_much_is_ended(
    taken: Usage | None, kept: tuple[int, int], reason: str, autojump_clock: MockClock
) -> None:
    async with scene(good) as on:
        await on.instance.activate(None)
        on.process.taken, on.process.kept = taken, kept
        await trio.sleep(6)
        assert on.gateway.told[1][1]["reason"] == reason


async def test_who_uses_the_processor_for_long_is_ended_and_a_burst_is_not(autojump_clock: MockClock) -> None:
    async def work(process: FakeProcess, share: float, seconds: float) -> None:
        for _ in range(int(seconds)):
            before = process.taken or Usage(0, 0, 0)
            process.taken = replace(before, cpu=before.cpu + share)
            await trio.sleep(1)

    async with scene(good, bounds=Bounds(cpu=0.5)) as on:
        await on.instance.activate(None)
        await work(on.process, 1.0, 25)
        await work(on.process, 0.0, 100)
        assert on.has(State.ACTIVE)
        assert on.instance.report().average_cpu == pytest.approx(0.2, abs=0.02)
        await work(on.process, 0.9, 70)
        assert on.gateway.told[1][1]["reason"] == "cpu"


async def test_measurements_are_kept_over_lives(autojump_clock: MockClock) -> None:
    async with scene(living(20)) as on:
        assert on.instance.report().peak_memory is None
        await on.instance.activate(None)
        on.process.taken = Usage(2.0, 30_000_000, 2)
        await trio.sleep(22.5)
        report = on.instance.report()
        assert (report.peak_memory, report.restarts) == (30_000_000, 1)
        assert report.average_memory == pytest.approx(30_000_000)
        assert report.average_cpu == pytest.approx(2 / 15, abs=0.05)


async def test_cancelling_leaves_nothing(autojump_clock: MockClock) -> None:
    async with scene(good) as on:
        await on.instance.activate(None)
    assert on.process.destroyed == 1
