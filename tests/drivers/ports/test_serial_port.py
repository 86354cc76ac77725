import errno
import math
import os
import struct
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from drivers.ports.port import LineFaults, LinkDown, Port
from drivers.ports.serial_port import Rs485, SerialPort, SerialSettings, _no_port, _refusal, open_serial, read_counters

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Terminal = Any  # of conftest.py


@pytest.fixture
async def port(terminal: Terminal) -> AsyncIterator[SerialPort]:
    opened = await open_serial(SerialSettings(terminal.path))
    yield opened
    await opened.aclose()


async def soon() -> float:
    return trio.current_time() + 5


async def test_is_a_port(port: SerialPort, terminal: Terminal) -> None:
    as_port: Port = port
    assert as_port.name == terminal.path


async def test_bytes_go_both_ways(port: SerialPort, terminal: Terminal) -> None:
    await port.send(b"\x01\x03\x00")
    assert os.read(terminal.master, 100) == b"\x01\x03\x00"
    await terminal.deliver(b"\x11\x00\xff\x13")
    assert await port.receive(await soon()) == b"\x11\x00\xff\x13"


async def test_nothing_there_is_none_and_not_a_hang_up(port: SerialPort) -> None:
    assert port.drain() == b""
    assert await port.receive(trio.current_time() + 0.001) is None
    assert await port.receive(trio.current_time() - 1) is None


async def test_bytes_that_came_before_a_passed_deadline_are_returned(port: SerialPort, terminal: Terminal) -> None:
    await terminal.deliver(b"late reader")
    assert await port.receive(trio.current_time() - 1) == b"late reader"


async def test_a_cancelled_reader_loses_nothing(port: SerialPort, terminal: Terminal) -> None:
    await terminal.deliver(b"kept")
    with trio.CancelScope() as scope:
        scope.cancel()
        await port.receive(await soon())
    assert await port.receive(await soon()) == b"kept"


async def test_a_receive_without_deadline_waits_for_bytes(port: SerialPort, terminal: Terminal) -> None:
    async with trio.open_nursery() as nursery:
        received: list[bytes | None] = []

        async def reader() -> None:
            received.append(await port.receive(math.inf))

        nursery.start_soon(reader)
        await trio.testing.wait_all_tasks_blocked()
        assert not received
        os.write(terminal.master, b"x")
    assert received == [b"x"]


async def test_drain_takes_all_that_arrived(port: SerialPort, terminal: Terminal) -> None:
    await terminal.deliver(b"noise")
    await terminal.deliver(b" and echo")
    assert port.drain() == b"noise and echo"


@pytest.mark.parametrize("use", ["receive", "send", "drain"])
async def test_unplugging_is_a_hang_up(port: SerialPort, terminal: Terminal, use: str) -> None:
    terminal.unplug()
    uses: dict[str, Callable[[], Awaitable[object]]] = {
        "receive": lambda: port.receive(math.inf),
        "send": lambda: port.send(b"x"),
        "drain": lambda: trio.to_thread.run_sync(port.drain),
    }
    with pytest.raises(LinkDown, match="unplugged") as down:
        await uses[use]()
    assert (down.value.reason, down.value.unsent) == ("hung_up", use == "send")


async def test_unplugging_wakes_a_waiting_reader(port: SerialPort, terminal: Terminal) -> None:
    async with trio.open_nursery() as nursery:
        reasons: list[str] = []

        async def reader() -> None:
            try:
                await port.receive(math.inf)
            except LinkDown as down:
                reasons.append(down.reason)

        nursery.start_soon(reader)
        await trio.testing.wait_all_tasks_blocked()
        terminal.unplug()
    assert reasons == ["hung_up"]


async def test_a_full_kernel_buffer_is_written_piece_by_piece(port: SerialPort, terminal: Terminal) -> None:
    data = bytes(i % 251 for i in range(200_000))
    taken = bytearray()

    async def far_end() -> None:
        while len(taken) < len(data):
            await trio.lowlevel.wait_readable(terminal.master)
            taken.extend(os.read(terminal.master, 65536))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.send, data)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(far_end)
    assert bytes(taken) == data


async def test_a_full_kernel_buffer_is_drained_at_once(port: SerialPort, terminal: Terminal) -> None:
    await terminal.deliver(bytes(4095))  # all that the kernel keeps
    assert len(port.drain()) == 4095


async def test_a_port_that_takes_nothing_is_stuck(terminal: Terminal, autojump_clock: trio.testing.MockClock) -> None:
    opened = await open_serial(SerialSettings(terminal.path))
    with pytest.raises(LinkDown) as down:
        await opened.send(bytes(1_000_000))
    assert (down.value.reason, down.value.unsent) == ("stuck", False), "some of it has left"
    with pytest.raises(LinkDown) as down:
        await opened.send(b"x")
    assert (down.value.reason, down.value.unsent) == ("stuck", True)
    await opened.aclose()
    with pytest.raises(LinkDown) as down:
        await opened.send(b"x")
    assert (down.value.reason, down.value.unsent) == ("closed", True)


async def test_two_opens_of_one_port_are_told_that_it_is_busy(port: SerialPort, terminal: Terminal) -> None:
    with pytest.raises(LinkDown, match="in use by another program") as down:
        await open_serial(SerialSettings(terminal.path))
    assert down.value.reason == "busy"


async def test_a_closed_port_can_be_opened_again(terminal: Terminal) -> None:
    for _ in range(2):
        opened = await open_serial(SerialSettings(terminal.path))
        await opened.aclose()
        await opened.aclose()
        with pytest.raises(LinkDown) as down:
            await opened.receive(await soon())
        assert down.value.reason == "closed"


async def test_closing_wakes_a_waiting_reader(terminal: Terminal) -> None:
    opened = await open_serial(SerialSettings(terminal.path))
    async with trio.open_nursery() as nursery:
        reasons: list[str] = []

        async def reader() -> None:
            try:
                await opened.receive(math.inf)
            except LinkDown as down:
                reasons.append(down.reason)

        nursery.start_soon(reader)
        await trio.testing.wait_all_tasks_blocked()
        await opened.aclose()
    assert reasons == ["closed"]


async def test_a_link_is_followed_anew_at_each_opening(
    link: Path, terminal: Terminal, other_terminal: Terminal
) -> None:
    opened = await open_serial(SerialSettings(str(link)))
    assert opened.facts.device == str(link)
    assert opened.facts.resolved == terminal.path
    await opened.aclose()
    await trio.Path(link).unlink()
    await trio.Path(link).symlink_to(other_terminal.path)
    opened = await open_serial(SerialSettings(str(link)))
    assert opened.facts.resolved == other_terminal.path
    await opened.aclose()


async def test_facts_tell_what_could_not_be_had(terminal: Terminal) -> None:
    settings = SerialSettings(terminal.path, parity="even", bytesize=7, rs485=Rs485(delay_before_ms=1))
    for _ in range(2):  # the C library refuses parity on a pseudo-terminal the second time only
        opened = await open_serial(settings)
        assert (opened.facts.low_latency, opened.facts.rs485) == (False, False)
        words = " ".join(opened.facts.remarks)
        assert "parity" in words
        assert "low latency" in words
        assert "RS-485" in words
        os.write(terminal.master, b"\xff")
        assert await opened.receive(await soon()) == b"\xff"
        await opened.aclose()


async def test_what_arrived_before_opening_is_thrown_away(terminal: Terminal) -> None:
    await terminal.deliver(b"old")
    opened = await open_serial(SerialSettings(terminal.path))
    assert opened.drain() == b""
    await opened.aclose()


async def test_settings_reach_the_terminal(terminal: Terminal) -> None:
    opened = await open_serial(SerialSettings(terminal.path, baudrate=9600, stopbits=2))
    _i, _o, cflag, lflag, _ispeed, ospeed, special = termios.tcgetattr(terminal.slave)
    assert ospeed == termios.B9600
    assert cflag & termios.CSTOPB
    assert not lflag & (termios.ECHO | termios.ICANON)
    assert special[termios.VMIN] in {1, b"\x01"}
    await opened.aclose()


@pytest.mark.parametrize(
    ("device", "reason", "words"),
    [
        ("/dev/serial/by-id/usb-nothing", "not_found", "plugged in"),
        ("/dev/null/tty", "not_found", "path"),
        ("/dev/null", "settings", "not a serial port"),
        ("/dev", "settings", "not a serial port: "),
    ],
)
async def test_what_cannot_be_opened_says_why(device: str, reason: str, words: str) -> None:
    with pytest.raises(LinkDown, match=words) as down:
        await open_serial(SerialSettings(device))
    assert down.value.reason == reason
    assert device in str(down.value)


def test_who_named_no_serial_port_is_told_which_there_are(tmp_path: Path) -> None:
    assert "/dev/serial/by-id" in _no_port(tmp_path / "absent")
    assert "/dev/ttyAMA0" in _no_port(tmp_path)
    for name in ("usb-FTDI_B-if00-port0", "usb-FTDI_A-if00-port0"):
        (tmp_path / name).touch()
    assert _no_port(tmp_path).endswith(f"{tmp_path}/usb-FTDI_A-if00-port0, {tmp_path}/usb-FTDI_B-if00-port0")


async def test_a_link_that_leads_back_to_itself_says_so(tmp_path: Path) -> None:
    link = tmp_path / "ttyRS485"
    link.symlink_to(link)
    with pytest.raises(LinkDown, match="leads back to itself") as down:
        await open_serial(SerialSettings(str(link)))
    assert down.value.reason == "not_found"


async def test_an_impossible_baud_rate_names_the_port(terminal: Terminal) -> None:
    with pytest.raises(LinkDown) as down:
        await open_serial(SerialSettings(terminal.path, baudrate=-1))
    assert down.value.reason == "settings"
    assert terminal.path in str(down.value)


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "permission", "its owner and mode"),
        (OSError(errno.EBUSY, "Device or resource busy"), "busy", "another program"),
        (OSError(errno.ENXIO, "No such device or address"), "not_found", "plugged in"),
        (OSError(errno.EMFILE, "Too many open files"), "error", "Too many open files"),
    ],
)
def test_each_refusal_of_the_system_has_words_of_its_own(error: OSError, reason: str, words: str) -> None:
    # Of these, a test that runs as root on a machine without adapters meets none.
    down = _refusal("/dev/ttyUSB0", error)
    assert down.reason == reason
    assert words in str(down)
    assert "/dev/ttyUSB0" in str(down)


async def test_a_pseudo_terminal_counts_no_faults(port: SerialPort) -> None:
    assert port.faults() is None


def test_counters_of_the_kernel_are_read_by_name() -> None:
    # linux/serial.h: cts dsr rng dcd rx tx frame overrun parity brk buf_overrun, 9 reserved
    block = struct.pack("20i", 0, 0, 0, 0, 900, 800, 1, 2, 3, 4, 5, *([0] * 9))
    assert read_counters(block) == LineFaults(parity=3, framing=1, overrun=7, breaks=4)


async def test_pauses_never_end_early(port: SerialPort) -> None:
    for pause_s in (-1.0, 0.0, 0.00005, 0.0005, 0.002):
        moment = trio.current_time() + pause_s
        await port.pause_until(moment)
        assert trio.current_time() >= moment
