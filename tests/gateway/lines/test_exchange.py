"""One exchange on a serial line: when it looks, and when it gives up."""

import pytest
import trio
from trio.testing import MockClock

from drivers.modbus.pdu import Data, read_registers
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer
from drivers.ports.port import LineFaults, LinkDown
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.wire import SerialWire
from gateway.lines.exchange import Answer, Lost, NetworkTalk, Pace, SerialTalk
from gateway.lines.health import Cause
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings

WIRE = Wire.of(LineSettings(name="bus", transport="rtu", baudrate=19200, stopbits=2))


def nothing() -> None:
    """Have nothing to do meanwhile."""


class Babble:
    """Somebody on the wire who never pauses for longer than a character."""

    name = "babble"

    def __init__(self) -> None:
        self.looks = 0
        self.sent = False

    async def send(self, data: bytes) -> None:
        self.sent = True

    async def receive(self, deadline: float) -> bytes | None:
        await trio.sleep(WIRE.character)
        return self.drain()

    def drain(self) -> bytes:
        self.looks += 1
        assert self.looks < 10_000, "it listens for ever"
        return b"\x55" if self.sent else b""

    async def pause_until(self, moment: float) -> None:
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None: ...


async def test_a_line_that_never_falls_silent_is_given_up(autojump_clock: MockClock) -> None:
    talk = SerialTalk(Babble(), RtuFramer(), WIRE)
    causes: list[Cause] = []
    began = trio.current_time()
    with pytest.raises(LinkDown, match="does not fall silent"):
        await talk.exchange(read_registers(1, 3, 0, 10), 0.25, causes.append, Pace(0.005), nothing)
    assert trio.current_time() - began < 1.0
    assert causes == [Cause.CRC], "as many bytes as an answer has, and none of them right"


@pytest.mark.parametrize("assumed", [0.0005, 0.004, 0.050])
async def test_the_line_is_not_left_idle_for_long_whatever_was_assumed(
    autojump_clock: MockClock, assumed: float
) -> None:
    line = MemoryLine(
        [SimulatedDevice(1, holding=dict.fromkeys(range(10), 7), turnaround_s=0.004)], SerialWire(19200, stopbits=2)
    )
    port = await line.open()
    talk = SerialTalk(port, RtuFramer(), WIRE)
    request, pace = read_registers(1, 3, 0, 10), Pace(assumed)
    for _ in range(20):
        await talk.exchange(request, 1.0, lambda _: None, pace, nothing)
    began = trio.current_time()
    for _ in range(20):
        answer = await talk.exchange(request, 1.0, lambda _: None, pace, nothing)
        assert isinstance(answer, Answer)
        assert isinstance(answer.answer, Data)
    assert line.gap_violations == 0
    # Before the device works, it waits for the silence that ends the request.
    least = 33 * WIRE.character + 2 * WIRE.gap + 0.004
    assert least - 1e-6 <= (trio.current_time() - began) / 20 < 1.01 * least


async def test_a_peer_that_talks_without_pause_does_not_hold_a_network_line(autojump_clock: MockClock) -> None:
    class Chatterbox:
        """Answers requests nobody made, for ever."""

        name = "chatterbox"

        async def send(self, data: bytes) -> None:
            await trio.lowlevel.checkpoint()

        async def receive(self, deadline: float) -> bytes | None:
            await trio.sleep(0.01)
            return bytes.fromhex("7777 0000 0005 01 03 02 0007")

        def drain(self) -> bytes:
            return b""

        async def pause_until(self, moment: float) -> None:
            await trio.sleep_until(moment)

        def faults(self) -> LineFaults | None:
            return None

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()

    talk = NetworkTalk(Chatterbox(), TcpFramer(), Wire(0.0, 0.0, 0.01, 7))
    began = trio.current_time()
    with trio.fail_after(60):
        result = await talk.exchange(read_registers(1, 3, 0, 1), 0.5, lambda _: None, Pace(0.01), nothing)
    assert isinstance(result, Lost)
    assert trio.current_time() - began < 0.6
