"""Scales and readers: messages that come by themselves become tags."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from drivers.ports.port import LineFaults, LinkDown, Port
from gateway.core.ports import Outcome
from gateway.core.reading import Quality, Reason
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.raw_line import RawLine
from gateway.lines.raw_search import AT_ONCE_S, LONGEST_REST_S, REST_S, SHARE, Effort, Search
from gateway.lines.raw_value import value_in
from gateway.settings.line_model import LineSettings, RawSettings, RawTagSettings, RawType


class ScriptedPort:
    """Says what a test tells it to."""

    name = "scale"

    def __init__(self) -> None:
        self.send_message, self.messages = trio.open_memory_channel[bytes | None](100)
        self.sent: list[bytes] = []

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(data)

    async def receive(self, deadline: float) -> bytes | None:
        with trio.move_on_at(deadline):
            data = await self.messages.receive()
            if data is None:
                raise LinkDown("hung_up", "unplugged")
            return data
        return None

    def drain(self) -> bytes:
        return b""

    async def pause_until(self, moment: float) -> None:
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


WEIGHT = RawTagSettings(name="weight", pattern=r"([-+]?\s*[\d.,]+)\s*kg", minimum=-5, maximum=100, units="kg")
STABLE = RawTagSettings(name="state", pattern=r"^(ST|US)", type="string")
SETTINGS = LineSettings(name="scale", transport="serial", port="p", raw=RawSettings(), tags=(WEIGHT, STABLE))


async def test_messages_become_readings_and_the_line_comes_back(autojump_clock: MockClock) -> None:
    port = ScriptedPort()
    opened: list[ScriptedPort] = []

    async def open_port(_: LineSettings) -> Port:
        await trio.lowlevel.checkpoint()
        opened.append(port)
        return port

    store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
    line = RawLine(SETTINGS, open_port, store, lambda *_: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await trio.sleep(0.1)
        assert store.read("scale/weight").reason is Reason.NOT_YET_READ  # type: ignore[union-attr]  # it is there
        port.send_message.send_nowait(b"ST,GS,+  12,5 kg\r\nUS,")
        port.send_message.send_nowait(b"GS,-1.25kg\n")
        await trio.sleep(0.1)
        reading = store.read("scale/weight")
        assert reading is not None
        assert (reading.value, reading.quality) == (-1.25, Quality.GOOD)
        assert store.read("scale/state").value == "US"  # type: ignore[union-attr]  # it is there
        assert line.last is not None
        assert line.last[0] == b"US,GS,-1.25kg"
        port.send_message.send_nowait(b"ERR 7\n")
        await trio.sleep(0.1)
        assert store.read("scale/weight").value == -1.25, "a message of another kind says nothing of the weight"  # type: ignore[union-attr]  # it is there
        port.send_message.send_nowait(b"ST,GS,+999 kg\n")
        await trio.sleep(0.1)
        assert store.read("scale/weight").reason is Reason.OUT_OF_RANGE  # type: ignore[union-attr]  # it is there
        assert (await line.write(b"T\r\n")).outcome is Outcome.UNKNOWN
        assert port.sent == [b"T\r\n"]
        port.send_message.send_nowait(None)
        await trio.sleep(0.1)
        assert store.read("scale/weight").reason is Reason.LINK_DOWN  # type: ignore[union-attr]  # it is there
        assert (await line.write(b"T\r\n")).outcome is Outcome.NOT_SENT
        await trio.sleep(2)
        port.send_message.send_nowait(b"ST,GS, 3 kg\n")
        await trio.sleep(0.1)
        assert store.read("scale/weight").value == 3.0  # type: ignore[union-attr]  # it is there
        assert len(opened) == 2
        line.stop()


async def test_a_line_that_is_ended_from_outside_is_not_called_up(autojump_clock: MockClock) -> None:
    async def open_port(_: LineSettings) -> Port:
        await trio.lowlevel.checkpoint()
        return ScriptedPort()

    store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
    told: list[tuple[str, object]] = []
    line = RawLine(SETTINGS, open_port, store, lambda event, what: told.append((event, what["state"])))
    with trio.move_on_after(1):
        await line.run()
    assert (line.state, line.port, told) == ("stopped", None, [("line:up", "up")])


@pytest.mark.parametrize(
    ("text", "tag", "value"),
    [
        ("  7 ", RawTagSettings(name="n", type="int"), 7),
        ("7.5", RawTagSettings(name="n", type="int"), Reason.NOT_A_NUMBER),
        ("nan", RawTagSettings(name="n"), Reason.NOT_A_NUMBER),
        ("inf", RawTagSettings(name="n"), Reason.NOT_A_NUMBER),
        ("1_2", RawTagSettings(name="n"), Reason.NOT_A_NUMBER),
        ("\N{ARABIC-INDIC DIGIT THREE}", RawTagSettings(name="n"), Reason.NOT_A_NUMBER),
        ("", RawTagSettings(name="n"), Reason.NOT_A_NUMBER),
        ("on", RawTagSettings(name="n", type="bool"), True),
        ("OFF", RawTagSettings(name="n", type="bool"), False),
        ("maybe", RawTagSettings(name="n", type="bool"), Reason.BAD_TEXT),
        ("9007199254740993", RawTagSettings(name="n", type="int"), 9007199254740993),
        ("4006381333931000000001", RawTagSettings(name="n", type="int", minimum=0), 4006381333931000000001),
        ("12345678901234567.5", RawTagSettings(name="n", type="int"), Reason.NOT_A_NUMBER),
        ("1e3", RawTagSettings(name="n", type="int"), 1000),
        ("3", RawTagSettings(name="n", scale=0.1), 0.3),
        ("0,1", RawTagSettings(name="n", minimum=0.1, maximum=0.1), 0.1),
        ("1e999999999", RawTagSettings(name="n"), Reason.NOT_A_NUMBER),
        ("1e99999999999999999999999", RawTagSettings(name="n", type="int"), Reason.NOT_A_NUMBER),
        ("1e300", RawTagSettings(name="n", scale=1e30), Reason.NOT_A_NUMBER),
        ("9e999999", RawTagSettings(name="n", scale=10), Reason.NOT_A_NUMBER),
        ("9e999999", RawTagSettings(name="n", offset=1), Reason.NOT_A_NUMBER),
        ("1e999999", RawTagSettings(name="n", type="int", scale=10), Reason.NOT_A_NUMBER),
        (
            "123456789012345678901234567890123",
            RawTagSettings(name="n", type="int", scale=2),
            246913578024691357802469135780246,
        ),
        ("1e120", RawTagSettings(name="n", type="int", offset=1), Reason.NOT_A_NUMBER),
        ("0." + "3" * 200, RawTagSettings(name="n", scale=3), 1.0),
        ("1e-999999999", RawTagSettings(name="n", scale=0.1, offset=1), 1.0),
        ("sNaN", RawTagSettings(name="n"), Reason.NOT_A_NUMBER),
    ],
)
def test_values_in_messages(text: str, tag: RawTagSettings, value: object) -> None:
    assert value_in(text, tag) == value


@given(
    text=st.text(st.sampled_from("0123456789+-.,eE _nainfsNIF"), max_size=24), kind=st.sampled_from(["int", "float"])
)
def test_no_message_ends_the_line(text: str, kind: RawType) -> None:
    found = value_in(text, RawTagSettings(name="n", type=kind, scale=0.1, offset=-40))
    assert isinstance(found, Reason) or math.isfinite(found)  # type: ignore[arg-type]  # no text, no truth


async def test_a_message_that_breaks_off_is_not_joined_with_the_next(autojump_clock: MockClock) -> None:
    """With ``idle`` it is thrown away after that silence: "12" and "345.6" are no 12345.6."""
    port = ScriptedPort()

    async def open_port(_: LineSettings) -> Port:
        await trio.lowlevel.checkpoint()
        return port

    store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
    settings = replace(SETTINGS, raw=RawSettings(idle=0.05), tags=(RawTagSettings(name="weight"),))
    line = RawLine(settings, open_port, store, lambda *_: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        for piece in (b"9.", b"5\n12", b"345.", b"6\n"):
            await port.send_message.send(piece)
            await trio.sleep(1.0 if piece == b"5\n12" else 0.01)
        reading = store.read("scale/weight")
        assert reading is not None
        assert (reading.value, line.messages, line.errors) == (345.6, 2, {"unfinished": 1})
        nursery.cancel_scope.cancel()


class Bench:
    """A raw line with a port that says what a test tells it to."""

    def __init__(self, *tags: RawTagSettings, raw: RawSettings | None = None) -> None:
        self.port = ScriptedPort()
        self.store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
        settings = replace(SETTINGS, raw=raw or RawSettings(), tags=tags)
        self.line = RawLine(settings, self._open_port, self.store, lambda *_: None)

    async def _open_port(self, _: LineSettings) -> Port:
        await trio.lowlevel.checkpoint()
        return self.port

    async def hear(self, data: bytes, pause: float = 0.1) -> None:
        self.port.send_message.send_nowait(data)
        await trio.sleep(pause)

    def shown(self, tag: str) -> tuple[object, object]:
        reading = self.store.read(f"scale/{tag}")
        assert reading is not None
        return reading.value, reading.reason


@pytest.fixture
async def bench_of(nursery: trio.Nursery) -> Callable[..., Bench]:
    def start(*tags: RawTagSettings, raw: RawSettings | None = None) -> Bench:
        bench = Bench(*tags, raw=raw)
        nursery.start_soon(bench.line.run)
        return bench

    return start


async def test_values_stand_in_columns_or_behind_a_pattern(
    autojump_clock: MockClock, bench_of: Callable[..., Bench]
) -> None:
    bench = bench_of(
        RawTagSettings(name="columns", columns=(3, 6), scale=0.1), RawTagSettings(name="pattern", pattern=r"\d+(?=CD)")
    )
    await bench.hear(b"AB0125CD\n")
    assert (bench.shown("columns"), bench.shown("pattern")) == ((12.5, None), (125.0, None))


# There are more ways to cut sixty digits into ones and twos than anybody can try.
ENDLESS = RawTagSettings(name="endless", pattern=r"((?:\d|\d\d)+) kg")
ODD = b"0" * 60 + b" x kg\n"


async def test_a_search_without_end_costs_one_tag_its_value_and_nobody_else_anything(
    autojump_clock: MockClock, bench_of: Callable[..., Bench]
) -> None:
    other = RawTagSettings(name="other", pattern=r"^\D*(\d)")
    bench = bench_of(ENDLESS, other)
    await bench.hear(b"ST 125 kg\n")
    assert (bench.shown("endless"), bench.shown("other")) == ((125.0, None), (1.0, None))
    await bench.hear(ODD)
    assert bench.shown("endless") == (None, Reason.PATTERN_TOO_SLOW)
    assert bench.line.errors["pattern"] >= 1
    await trio.sleep(REST_S)
    await bench.hear(b"ST 135 kg 7\n")
    assert (bench.shown("endless"), bench.shown("other")) == ((135.0, None), (1.0, None))
    assert bench.line.state == "up"


async def test_a_message_that_comes_again_and_again_is_searched_ever_less_often(
    autojump_clock: MockClock, bench_of: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("gateway.lines.raw_line.log.warning", lambda event, **_: told.append(event))
    tried = 0

    class Counting(Search):
        def find(self, text: str, now: float) -> str | None:
            nonlocal tried
            tried += now >= self._rests_until
            return super().find(text, now)

    monkeypatch.setattr("gateway.lines.raw_line.Search", Counting)
    bench = bench_of(ENDLESS)
    for _ in range(1000):
        await bench.hear(ODD, 0.3)
    assert bench.line.errors == {"pattern": 1000}
    assert tried == 10, "after 1, 2, 4 .. 60 s, in five minutes"
    assert told == ["pattern too slow"]
    # Good messages in between do not make the bad ones cheaper.
    await trio.sleep(LONGEST_REST_S)
    await bench.hear(b"1 kg\n")
    assert bench.shown("endless") == (1.0, None)
    await bench.hear(ODD)
    await trio.sleep(LONGEST_REST_S - 1)
    await bench.hear(b"1 kg\n")
    assert bench.shown("endless") == (None, Reason.PATTERN_TOO_SLOW)


async def test_all_tags_of_a_line_search_in_one_share_of_its_time(
    autojump_clock: MockClock, bench_of: Callable[..., Bench]
) -> None:
    bench = bench_of(*(replace(ENDLESS, name=f"t{number}") for number in range(200)))
    await bench.hear(ODD)
    assert {bench.shown(f"t{number}")[1] for number in range(200)} == {Reason.PATTERN_TOO_SLOW}
    tried = sum(search is not None and search._rests_until > 0 for search in bench.line._searches)
    assert tried <= 5, "the first takes what there is for a message; two hundred would take ten seconds"


def test_a_share_grows_again_up_to_what_may_be_spent_at_once() -> None:
    effort = Effort()
    assert effort.left(5.0) == AT_ONCE_S
    effort.spend(AT_ONCE_S)
    assert effort.left(5.0) == 0.0
    assert effort.left(6.0) == pytest.approx(SHARE)
    assert effort.left(3600.0) == AT_ONCE_S
