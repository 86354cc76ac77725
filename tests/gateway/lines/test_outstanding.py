"""Which replies may still come after an answer that may have been another request's: on a scripted wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio
from trio.testing import MockClock

from drivers.modbus.pdu import Data, Refusal, Request, read_registers
from drivers.ports.port import Port
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.certain import read_for_certain
from gateway.lines.exchange import Answer, CountCause, HearLate, Lost, Pace
from gateway.lines.fence import shape
from gateway.lines.health import Cause
from gateway.lines.polling import Polling
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import Facts, device, tag

LOST = Lost(Cause.TIMEOUT, answered=False, cost=0.5)
DAMAGED = Lost(Cause.CRC, answered=True, cost=0.1)


class Script:
    """Answers every request with the next of what was written down."""

    def __init__(self, *results: Answer | Lost) -> None:
        self.results = deque(results)
        self.asked: list[Request] = []
        self.left = True
        self.begun = False
        self.late: HearLate | None = None

    async def exchange(
        self, request: Request, patience: float, count: CountCause, pace: Pace, meanwhile: Callable[[], None]
    ) -> Answer | Lost:
        await trio.sleep(0.01)
        self.asked.append(request)
        result = self.results.popleft()
        return Answer(result.answer, trio.current_time(), result.turnaround) if isinstance(result, Answer) else result

    async def broadcast(self, request: Request, delay: float) -> None:
        await trio.sleep(delay)

    def through(self, port: Port) -> None:
        raise AssertionError("nobody looks")

    def look(self) -> None:
        raise AssertionError("nobody orders")


def polling_on(script: Script) -> Polling:
    settings = LineSettings(
        name="bus", transport="rtu", port="sim", timeout=0.5, devices=(device(1, tag("a", 0), tag("b", 50)),)
    )
    store = TagStore(trio.current_time, Timeline(trio.current_time, lambda: 0.0, lambda: True))
    polling = Polling(settings, numbered=False, store=store, facts=Facts(), announce=lambda *_: None)
    polling.link_up(script)
    return polling


def answer(of: Data | Refusal) -> Answer:
    return Answer(of, trio.current_time(), 0.005)


async def test_a_refusal_may_be_an_earlier_requests(autojump_clock: MockClock) -> None:
    script = Script(LOST, answer(Refusal(2)))
    polling = polling_on(script)
    unit = polling.unit(1)
    await polling.exchange(unit, unit.polls[0].request)
    await polling.probe(unit)
    assert shape(script.asked[1]) in unit.health.open_shapes(trio.current_time())


async def test_a_damaged_answer_may_be_an_earlier_requests(autojump_clock: MockClock) -> None:
    script = Script(LOST, DAMAGED)
    polling = polling_on(script)
    unit = polling.unit(1)
    await polling.exchange(unit, unit.polls[0].request)
    await polling.probe(unit)
    assert shape(script.asked[1]) in unit.health.open_shapes(trio.current_time())


async def test_after_an_answer_in_doubt_its_own_may_follow(autojump_clock: MockClock) -> None:
    data = Data(b"\0\1")
    script = Script(LOST, answer(data))
    polling = polling_on(script)
    unit = polling.unit(1)
    request = unit.polls[0].request
    await polling.exchange(unit, request)
    await trio.sleep(1.95)
    await polling.exchange(unit, request)
    await trio.sleep(1.9)
    assert shape(request) in unit.health.open_shapes(trio.current_time()), "its own reply may be as late"
    await trio.sleep(0.2)
    assert not unit.health.open_shapes(trio.current_time())


async def test_blocks_in_doubt_are_asked_again_when_the_doubt_is_over(autojump_clock: MockClock) -> None:
    data = Data(b"\0\1")
    script = Script(LOST, answer(data))
    polling = polling_on(script)
    unit = polling.unit(1)
    one, other = unit.polls
    one.most_stretch = other.most_stretch = 0
    await polling.exchange(unit, one.request)
    polling.schedule.add(unit.polls, trio.current_time())
    await polling.poll(one)
    assert one.due == other.due == trio.current_time() + unit.health.quarantine
    await trio.sleep_until(one.due)
    assert not unit.health.open_shapes(trio.current_time())


async def test_what_is_answered_with_nothing_outstanding_leaves_nothing_open(autojump_clock: MockClock) -> None:
    script = Script(answer(Refusal(2)), DAMAGED, answer(Data(b"\0\1")))
    polling = polling_on(script)
    unit = polling.unit(1)
    for _ in range(3):
        await polling.exchange(unit, unit.polls[0].request)
    assert not unit.health.open_shapes(trio.current_time())


def reads(address: int, count: int = 1) -> Request:
    return read_registers(1, 3, address, count)


async def test_a_device_that_was_busy_may_answer_the_second_asking_still(autojump_clock: MockClock) -> None:
    """One reply behind: the refusals were those of the requests before, and what was wanted comes last."""
    busy = Refusal(6)
    script = Script(LOST, answer(busy), answer(busy), answer(busy))
    polling = polling_on(script)
    unit = polling.unit(1)
    await polling.exchange(unit, unit.polls[0].request)
    await polling.probe(unit)
    await read_for_certain(polling, unit, reads(10, 3), None)
    assert len(script.asked) == 4
    assert unit.outstanding(reads(60, 3), trio.current_time()), "it has the size of what may come still"


async def test_behind_a_gateway_without_path_its_own_answer_may_follow(autojump_clock: MockClock) -> None:
    script = Script(LOST, answer(Refusal(11)))
    polling = polling_on(script)
    unit = polling.unit(1)
    await polling.exchange(unit, unit.polls[0].request)
    await polling.probe(unit)
    assert shape(script.asked[1]) in unit.health.open_shapes(trio.current_time())


async def test_a_refusal_in_doubt_stands_for_the_same_read_while_the_doubt_lasts(autojump_clock: MockClock) -> None:
    script = Script(LOST, answer(Refusal(2)), answer(Refusal(2)), answer(Data(b"\0\1")))
    polling = polling_on(script)
    unit = polling.unit(1)
    await polling.exchange(unit, reads(0, 5))
    for _ in range(3):
        told = await read_for_certain(polling, unit, reads(10), None)
        assert isinstance(told, Answer)
        assert told.answer == Refusal(2)
    assert len(script.asked) == 3
    await trio.sleep(unit.health.quarantine)
    told = await read_for_certain(polling, unit, reads(10), None)
    assert isinstance(told, Answer)
    assert told.answer == Data(b"\0\1")
