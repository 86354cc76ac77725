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
from gateway.lines.exchange import Answer, CountCause, HearLate, Lost, Pace, Talk
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
    """Exchanges that take what the check reckons with, and the longest time between two answers of each block.

    Devices that fall silent later say until then that they are as slow as they may be: they get their whole time-outs.
    """

    def __init__(self, line: LineSettings, silent: set[int], falls_at: float) -> None:
        self._wire = Wire.of(line)
        self._silent = silent
        self._falls_at = falls_at
        self._slowest = {one.unit: one.timeout or line.timeout for one in line.devices} if falls_at else {}
        self._answered: dict[tuple[int, bytes], float] = {}
        self.ages: dict[tuple[int, bytes], float] = {}
        self.left = True
        self.begun = False
        self.late: HearLate | None = None

    def through(self, port: Port) -> None:
        del port

    def look(self) -> None:
        return

    async def broadcast(self, request: Request, delay: float) -> None:
        raise NotImplementedError

    async def exchange(
        self, request: Request, patience: float, count: CountCause, pace: Pace, meanwhile: Callable[[], None]
    ) -> Answer | Lost:
        del pace
        meanwhile()
        if request.unit in self._silent and trio.current_time() >= self._falls_at:
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
        turnaround = self._slowest.get(request.unit, self._wire.turnaround)
        return Answer(Data(bytes(2 * registers)), now, turnaround)


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


async def run(line: LineSettings, silent: set[int], falls_at: float = 0.0) -> Reckoned:
    talk = Reckoned(line, silent, falls_at)

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


# Nine slow devices lose their power at one moment beside a quick one.
CABINET = [Member(0.2, 4, 0.1, silent=False), *(Member(1.0, 10, 1.0, silent=True) for _ in range(9))]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(members, min_size=2, max_size=7),
    st.sampled_from([2400, 9600, 19200]),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.floats(0.0, 2.0),
)
@example(CABINET, 19200, 0.1, 0.99)
@example(AMONG_MANY, 9600, 0.1, 0.0)
def test_nor_is_it_when_any_number_of_devices_falls_silent_at_one_moment(
    plant: list[Member], baudrate: int, share: float, moment: float
) -> None:
    line = line_of(plant, baudrate, share)
    silent = {unit for unit, member in enumerate(plant, start=1) if member.silent}
    seen = trio.run(run, line, silent, SETTLED_S + 1.0 + moment, clock=trio.testing.MockClock(autojump_threshold=0))
    for planned in judge(line).blocks:
        promised = planned.fall_age
        if planned.device.unit in silent or promised is None:
            continue
        poll = read_registers(planned.device.unit, 3, planned.block.address, planned.block.count)
        assert seen.ages[poll.unit, poll.pdu] <= promised * TOLERANCE


def test_devices_that_fall_silent_at_one_moment_cost_more_than_those_that_are_silent() -> None:
    """The promise is about something: what holds while they are silent does not hold while they fall."""
    line = line_of(CABINET, 19200, 0.1)
    falls_at = SETTLED_S + 1.99
    seen = trio.run(run, line, set(range(2, 11)), falls_at, clock=trio.testing.MockClock(autojump_threshold=0))
    verdict = judge(line)
    quick = verdict.blocks[0]
    poll = read_registers(quick.device.unit, 3, quick.block.address, quick.block.count)
    silent, falling = quick.age(silent=True), quick.fall_age
    assert silent is not None
    assert falling is not None
    assert silent < seen.ages[poll.unit, poll.pdu] <= falling
    assert verdict.fall(9) > 9.0
