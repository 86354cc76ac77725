"""All instances together: added, found, given events, removed, and ended with the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import NotKept
from gateway.core.patterns import parse_selection
from gateway.plugins.host.ground import Ground
from gateway.plugins.host.host import FAREWELL_S, Host
from gateway.plugins.host.states import State, Timing
from gateway.plugins.host.surroundings import Surroundings

from .fakes import WALL, FakeGateway, FakeProcess, FakeRunner, Program, event, spec


@dataclass
class Scene:
    host: Host
    gateway: FakeGateway
    runner: FakeRunner
    scope: trio.CancelScope
    ended: trio.Event


@asynccontextmanager
async def scene(tmp_path: Path, program: Program) -> AsyncIterator[Scene]:
    async with trio.open_nursery() as outer:
        gateway, runner = FakeGateway(), FakeRunner(outer, program)
        around = Surroundings(runner, gateway.services, gateway.tell, lambda: WALL, Timing(), lambda: 0.5)
        found = Scene(
            Host(around, Ground(tmp_path / "data", own_users=False)), gateway, runner, trio.CancelScope(), trio.Event()
        )

        async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            with found.scope:
                await found.host.run(task_status=task_status)
            found.ended.set()

        await outer.start(run)
        yield found
        outer.cancel_scope.cancel()


async def good(process: FakeProcess) -> None:
    await process.behave()


async def stubborn(process: FakeProcess) -> None:
    while (heard := await process.hear()) is not None:
        if heard["method"] != "shutdown":
            await process.say({"id": heard["id"], "result": {"status": "healthy"}})
    await trio.sleep_forever()


async def test_instances_are_added_found_and_removed(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with scene(tmp_path, good) as on:
        first = await on.host.add(spec(instance="a", plugin="scale"))
        await on.host.add(spec(instance="b", plugin="scale"))
        await on.host.add(spec(instance="c", plugin="other"))
        with pytest.raises(GatewayError) as caught:
            await on.host.add(spec(instance="a"))
        assert caught.value.code is Code.CONFLICT
        with pytest.raises(GatewayError, match="this is no permission"):
            await on.host.add(spec(instance="d", permissions=("FLY",)))
        assert [one.spec.instance for one in on.host.of("scale")] == ["a", "b"]
        await first.activate(None)
        assert (tmp_path / "data" / "a").is_dir()
        await on.host.remove("a", "user:ada")
        assert first.state is State.INACTIVE
        assert not (tmp_path / "data" / "a").exists()
        with pytest.raises(GatewayError) as caught:
            on.host.get("a")
        assert caught.value.code is Code.NOT_FOUND


async def test_what_a_removed_instance_kept_goes_with_it_or_later(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with scene(tmp_path, good) as on:
        on.gateway.kept = {("a", "x"): "1", ("b", "x"): "2"}
        await (await on.host.add(spec(instance="a"))).activate(None)
        with pytest.raises(GatewayError) as caught:
            await on.host.erase("a")
        assert caught.value.code is Code.CONFLICT
        on.gateway.trouble = NotKept("the disk is full")
        with pytest.raises(GatewayError, match="the disk is full"):
            await on.host.remove("a", None)
        assert list(on.host) == []
        assert (on.gateway.ended, on.gateway.forgotten) == (["a"], ["a"])
        on.gateway.trouble = None
        await on.host.erase("a")
        assert on.gateway.kept == {("b", "x"): "2"}
        assert not (tmp_path / "data" / "a").exists()


async def test_a_stop_before_it_began_is_a_stop(autojump_clock: MockClock, tmp_path: Path) -> None:
    around = Surroundings(FakeRunner(None), FakeGateway().services, lambda *_: None, lambda: WALL, Timing())  # type: ignore[arg-type]  # nothing is started
    with trio.fail_after(1):
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.cancel_scope.cancel()
                await nursery.start(Host(around, Ground(tmp_path, own_users=False)).run)


async def test_events_reach_every_active_instance_that_wants_them(autojump_clock: MockClock, tmp_path: Path) -> None:
    given = {"all": parse_selection(["user:*"], {}, "x")}
    async with scene(tmp_path, good) as on:
        for id_ in ("a", "b", "c"):
            added = await on.host.add(spec(instance=id_, permissions=("read-events",), subscriptions=given))
            if id_ != "c":
                await added.activate(None)
        on.host.offer(event("user:action", {}))
        await trio.sleep(1)
        assert [one.report().events for one in on.host] == [1, 1, 0]


async def test_with_the_gateway_all_end_by_themselves(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with scene(tmp_path, good) as on:
        for id_ in ("a", "b"):
            await (await on.host.add(spec(instance=id_))).activate(None)
        on.scope.cancel()
        await on.ended.wait()
        assert [process.code for process in on.runner.processes] == [0, 0]
        assert on.gateway.types().count("plugin:deactivated") == 2


async def test_whoever_does_not_end_is_ended_in_time(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with scene(tmp_path, stubborn) as on:
        for id_ in ("a", "b"):
            await (await on.host.add(spec(instance=id_))).activate(None)
        begun = trio.current_time()
        on.scope.cancel()
        await on.ended.wait()
        assert trio.current_time() - begun <= FAREWELL_S + 1
        assert [process.destroyed for process in on.runner.processes] == [1, 1]
        with pytest.raises(GatewayError, match="ending"):
            await on.host.add(spec(instance="late"))
