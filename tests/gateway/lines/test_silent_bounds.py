"""What ``ferrule check`` promises while devices are silent, beside lines that are run with such devices.

The real line on virtual time; only its wire is made up: every exchange takes exactly what the check reckons with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.modbus.pdu import Data, Request, read_registers
from drivers.ports.port import LineFaults, Port
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.exchange import Answer, CountCause, Lost, Pace, Talk
from gateway.lines.feasibility import judge
from gateway.lines.health import Cause
from gateway.lines.line import Line
from gateway.lines.polling import Polling
from gateway.lines.wakeups import Wakeups
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import Facts, device, tag

SECONDS = 60.0
# When who is silent must be known, and the first lost requests must be over.
SETTLED_S = 20.0
# A slot is taken for the one just served where it comes less than a thousandth of its period later.
TOLERANCE = 1.002


class Member(NamedTuple):
    """A device of a plant."""

    period: float
    registers: int
    timeout: float
    silent: bool


class Nowhere:
    """A port that nothing is sent through."""

    name = "nowhere"

    async def send(self, data: bytes) -> None:
        raise NotImplementedError

    async def receive(self, deadline: float) -> bytes | None:
        raise NotImplementedError

    def drain(self) -> bytes:
        return b""

    async def pause_until(self, moment: float) -> None:
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class Reckoned:
    """Exchanges that take what the check reckons with, and the longest time between two answers of each block."""

    def __init__(self, wire: Wire, silent: set[int]) -> None:
        self._wire = wire
        self._silent = silent
        self._answered: dict[tuple[int, bytes], float] = {}
        self.ages: dict[tuple[int, bytes], float] = {}

    def through(self, port: Port) -> None:
        del port

    async def broadcast(self, request: Request, delay: float) -> None:
        raise NotImplementedError

    async def exchange(
        self, request: Request, patience: float, count: CountCause, pace: Pace, meanwhile: Callable[[], None]
    ) -> Answer | Lost:
        del pace
        meanwhile()
        if request.unit in self._silent:
            cost = self._wire.lost(patience)
            await trio.sleep(cost)
            count(Cause.TIMEOUT)
            return Lost(Cause.TIMEOUT, answered=False, cost=cost)
        registers = int.from_bytes(request.pdu[3:5], "big")
        await trio.sleep(self._wire.read("holding", registers))
        now, key = trio.current_time(), (request.unit, request.pdu)
        if self._answered.get(key, 0.0) > SETTLED_S:
            self.ages[key] = max(self.ages.get(key, 0.0), now - self._answered[key])
        self._answered[key] = now
        return Answer(Data(bytes(2 * registers)), now, self._wire.turnaround)


def line_of(plant: list[Member], baudrate: int, share: float) -> LineSettings:
    devices = tuple(
        replace(
            device(unit, *(tag(f"t{number}", number, poll=member.period) for number in range(member.registers))),
            timeout=member.timeout,
        )
        for unit, member in enumerate(plant, start=1)
    )
    return LineSettings(
        name="bus", transport="rtu", port="none", baudrate=baudrate, silent_share=share, devices=devices
    )


async def run(line: LineSettings, silent: set[int]) -> Reckoned:
    talk = Reckoned(Wire.of(line), silent)

    async def opener() -> tuple[Port, Talk]:
        await trio.lowlevel.checkpoint()
        return Nowhere(), talk

    store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
    polling = Polling(line, numbered=False, store=store, facts=Facts(), announce=lambda *_: None)
    wakeups = Wakeups()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        nursery.start_soon(Line(opener, polling, lambda *_: None, wakeups).run)
        await trio.sleep(SETTLED_S)
        await trio.sleep(SECONDS)
        nursery.cancel_scope.cancel()
    return talk


members = st.builds(
    Member,
    st.sampled_from([0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 5.0]),
    st.integers(1, 40),
    st.sampled_from([0.1, 0.3, 0.5, 1.0, 2.0]),
    st.booleans(),
)


# A lost request can take ten periods of the one that answers.
BESIDE_ONE = [Member(5.0, 16, 1.0, silent=True), Member(0.1, 4, 0.1, silent=False)]
AMONG_MANY = [Member(1.0, 22, 0.3, silent=False), *(Member(0.5, 20, 2.0, silent=True) for _ in range(5))]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(members, min_size=2, max_size=7),
    st.sampled_from([2400, 9600, 19200]),
    st.sampled_from([0.05, 0.1, 0.3]),
)
@example(BESIDE_ONE, 19200, 0.3)
@example(AMONG_MANY, 9600, 0.1)
def test_no_value_of_a_device_that_answers_is_older_than_promised(
    plant: list[Member], baudrate: int, share: float
) -> None:
    line = line_of(plant, baudrate, share)
    silent = {unit for unit, member in enumerate(plant, start=1) if member.silent}
    seen = trio.run(run, line, silent, clock=trio.testing.MockClock(autojump_threshold=0))
    for planned in judge(line).blocks:
        promised = planned.age(silent=True)
        if planned.device.unit in silent or promised is None:
            continue
        poll = read_registers(planned.device.unit, 3, planned.block.address, planned.block.count)
        assert seen.ages[poll.unit, poll.pdu] <= promised * TOLERANCE
