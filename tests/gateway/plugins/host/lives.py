"""An instance and the programs it is run with, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from gateway.plugins.host.ground import Place
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.states import State, Timing
from gateway.plugins.host.surroundings import Surroundings

from .fakes import WALL, FakeGateway, FakeProcess, FakeRunner, Program, spec


@dataclass
class Scene:
    gateway: FakeGateway
    runner: FakeRunner
    instance: Instance

    @property
    def state(self) -> State:
        return self.instance.state

    def has(self, state: State) -> bool:
        return self.instance.state is state

    @property
    def process(self) -> FakeProcess:
        return self.runner.processes[-1]


@asynccontextmanager
async def scene(*programs: Program | OSError, **changes: Any) -> AsyncIterator[Scene]:
    async with trio.open_nursery() as nursery:
        gateway, runner = FakeGateway(), FakeRunner(nursery, *programs)
        around = Surroundings(
            runner, gateway.services, gateway.tell, lambda: WALL + trio.current_time(), Timing(), lambda: 0.5
        )
        instance = Instance(spec(**changes), Place(Path("/data-1"), None), around)
        nursery.start_soon(instance.run)
        yield Scene(gateway, runner, instance)
        nursery.cancel_scope.cancel()


async def good(process: FakeProcess) -> None:
    await process.behave()


def saying(**answers: Any) -> Program:
    async def program(process: FakeProcess) -> None:
        await process.behave(answers)

    return program


def living(seconds: float, code: int = 1) -> Program:
    async def program(process: FakeProcess) -> None:
        with trio.move_on_after(seconds):
            await process.behave()
        process.end(code)

    return program


async def silent(process: FakeProcess) -> None:
    await trio.sleep_forever()
