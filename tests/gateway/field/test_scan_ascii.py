"""Looking for devices that speak Modbus ASCII, on virtual time."""

from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from drivers.ports.port import Port
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.wire import SerialWire
from gateway.field.monitor import overhear
from gateway.field.monitor_listen import AsciiListener
from gateway.field.monitor_messages import Message
from gateway.field.scan import estimate, scan
from gateway.field.scan_found import Scan, advice, say_setting
from gateway.field.scan_site import PortSite, candidates
from gateway.field.scan_skeleton import skeleton
from gateway.settings.line_model import LineSettings
from gateway.settings.load import load
from tests.gateway.field.talking_port import TalkingPort, every

LINE = LineSettings(name="bus", transport="ascii", port="/dev/serial/by-id/usb-adapter", bytesize=7, parity="even")


def frame(text: str) -> bytes:
    body = bytes.fromhex(text)
    return b":" + (body + bytes((-sum(body) & 0xFF,))).hex().upper().encode() + b"\r\n"


ASK, REPLY = frame("11 03 00 00 00 01"), frame("11 03 02 00 07")


def site_of(devices: list[SimulatedDevice], baudrate: int = 19200) -> PortSite:
    """A port behind which devices speak ASCII, at 7E1 only."""

    async def open_port(line: LineSettings) -> Port:
        right = (line.baudrate, line.bytesize, line.parity) == (baudrate, 7, "even")
        wire = SerialWire(line.baudrate, line.bytesize, line.parity, line.stopbits)
        return await MemoryLine(devices if right else [], wire, framing="ascii").open()

    return PortSite(candidates(LINE), open_port)


def test_seven_bits_with_even_parity_come_first_as_the_specification_has_them() -> None:
    tried = [say_setting(line) for line in candidates(LINE)]

    assert tried[:2] == ["9600 7E1 ASCII", "19200 7E1 ASCII"]
    assert {line.split()[1] for line in tried} == {"7E1", "7N2", "7O1", "8N2", "8E1"}
    assert [say_setting(line) for line in candidates(LINE, baudrate=300, parity="none", bytesize=8, stopbits=1)] == [
        "300 8N1 ASCII"
    ]


async def test_units_are_found_and_make_a_configuration_that_is_taken(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    result = Scan()

    await scan(site_of([SimulatedDevice(3, holding={0: 7}), SimulatedDevice(40)]), result, units=range(1, 48))

    assert [(one.unit, say_setting(one.line), one.answered) for one in result.found] == [
        (3, "19200 7E1 ASCII", 6),
        (40, "19200 7E1 ASCII", 6),
    ]
    file = tmp_path / "found.toml"
    file.write_text(skeleton(result, "bus"))
    [line] = load(file).lines
    assert (line.transport, line.baudrate, line.bytesize, line.parity, line.stopbits) == ("ascii", 19200, 7, "even", 1)
    assert [one.unit for one in line.devices] == [3, 40]


async def test_the_estimate_counts_two_characters_a_byte(autojump_clock: MockClock) -> None:
    site = PortSite([one for one in candidates(LINE) if one.baudrate == 2400], site_of([])._open_port)

    await scan(site, Scan(), units=range(1, 17))

    promised = estimate(site.settings, 16, 0.2, listening=3.0)
    assert trio.current_time() == pytest.approx(promised, rel=0.02)


async def test_another_master_is_named_and_not_disturbed(autojump_clock: MockClock) -> None:
    port, result = TalkingPort(every(0.2, ASK, REPLY)), Scan()

    await scan(PortSite(candidates(LINE), port.open), result)

    assert "another master talks on this line at 9600 7E1 ASCII, with unit 17" in advice(result)[0]
    assert port.sent == b""


async def test_who_listens_on_such_a_port_is_told_both_sides(autojump_clock: MockClock) -> None:
    told: list[Message] = []

    with trio.move_on_after(0.5):
        await overhear(LINE, told.append, trio.current_time, TalkingPort(every(0.2, ASK, REPLY)).open)

    assert [(one.kind, one.unit) for one in told] == [("request", 17), ("reply", 17)]
    assert told[1].after == pytest.approx(0.2)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([ASK, REPLY, b":1103\r\n"]), max_size=8), st.data())
def test_what_is_overheard_does_not_depend_on_how_the_bytes_arrive(frames: list[bytes], data: st.DataObject) -> None:
    stream, listener, now = b"".join(frames), AsciiListener(), 0.0
    told: list[Message] = []
    while stream:
        size = data.draw(st.integers(1, 30))
        now += 0.01
        told += listener.feed(stream[:size], now)
        stream = stream[size:]
    told += listener.flush(now + 1)

    assert [one.raw for one in told if one.kind != "silence"] == frames
    assert [one.unit is None for one in told if one.kind != "silence"] == [one not in {ASK, REPLY} for one in frames]


def test_what_is_cut_off_is_damage_when_the_line_has_been_silent_for_a_second() -> None:
    listener = AsciiListener()

    assert listener.feed(ASK[:6], 1.0) == []
    assert listener.deadline == 2.0
    [cut] = listener.feed(ASK[:1], 2.5)
    assert (cut.kind, cut.raw) == ("damaged", ASK[:6])


async def test_silence_names_the_other_framing(autojump_clock: MockClock) -> None:
    result = Scan()

    await scan(site_of([]), result, units=[1])

    assert "RTU (leave --ascii out)" in advice(result)[0]
