"""CPU of encoding a request and decoding its reply, function 3, without any I/O."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from functools import partial

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest
from umodbus.client import tcp as umodbus_tcp
from umodbus.client.serial import rtu as umodbus_rtu

from benchmarks.programs import Options
from benchmarks.report import Table
from benchmarks.rounds import Sample, interleave
from drivers.modbus.crc import crc16
from drivers.modbus.framing import Answered, Framer
from drivers.modbus.pdu import Data, read_registers
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer
from drivers.modbus.unpacking import unpack_registers

UNIT = 17
COUNTS = (1, 10, 125)
BATCH_S = 0.2
Step = Callable[[], object]


def run(options: Options) -> list[Table]:
    """Measure both framings at all sizes."""
    table = Table(
        "CPU of encode and decode, function 3",
        ("codec", *(f"{count} reg." for count in COUNTS), *(f"x ferrule, {count} reg." for count in COUNTS)),
        notes=("CPU in us in one process, without I/O. Each decodes to a list of integers.",),
    )
    for framing, makers in (("RTU", RTU), ("TCP", TCP)):
        steps = {(name, count): make(count) for name, make in makers.items() for count in COUNTS}
        contestants = {
            f"{name} {count}": partial(_timed, step, BATCH_S * options.seconds) for (name, count), step in steps.items()
        }
        results = interleave(contestants, options.rounds)
        for name in makers:
            table.add(
                f"{name} {framing}",
                *(f"{results.of(f'{name} {count}', 'us'):.2f}" for count in COUNTS),
                *(f"{results.ratio(f'{name} {count}', f'ferrule {count}', 'us'):.1f}" for count in COUNTS),
            )
    return [table]


def _timed(step: Step, seconds: float) -> Sample:
    done = 0
    start = time.process_time()
    while (used := time.process_time() - start) < seconds:
        for _ in range(100):
            step()
        done += 100
    return {"us": used / done * 1e6}


def _reply(count: int) -> bytes:
    return struct.pack(f">BBB{count}H", UNIT, 3, 2 * count, *range(1000, 1000 + count))


def _rtu_reply(count: int) -> bytes:
    body = _reply(count)
    return body + crc16(body).to_bytes(2, "little")


def _tcp_tail(count: int) -> bytes:
    body = _reply(count)
    return struct.pack(">HH", 0, len(body)) + body


def _ours(count: int, framer: Framer, make_reply: Callable[[bytes], bytes]) -> Step:
    request = read_registers(UNIT, 3, 0, count)

    def step() -> list[int]:
        event = framer.feed(make_reply(framer.begin(request)))
        assert isinstance(event, Answered)
        assert isinstance(event.answer, Data)
        return unpack_registers(event.answer.payload)

    return step


def _ours_rtu(count: int) -> Step:
    reply = _rtu_reply(count)
    return _ours(count, RtuFramer(), lambda _: reply)


def _ours_tcp(count: int) -> Step:
    tail = _tcp_tail(count)
    return _ours(count, TcpFramer(), lambda request: request[:2] + tail)


def _pymodbus(count: int, framer: FramerRTU | FramerSocket, reply: bytes) -> Step:
    def step() -> Sequence[int]:
        request = ReadHoldingRegistersRequest(address=0, count=count, dev_id=UNIT, transaction_id=7)
        framer.buildFrame(request)
        used, pdu = framer.handleFrame(reply, UNIT, 7)
        assert used == len(reply)
        assert pdu is not None
        return pdu.registers

    return step


def _pymodbus_rtu(count: int) -> Step:
    return _pymodbus(count, FramerRTU(DecodePDU(is_server=False)), _rtu_reply(count))


def _pymodbus_tcp(count: int) -> Step:
    return _pymodbus(count, FramerSocket(DecodePDU(is_server=False)), b"\x00\x07" + _tcp_tail(count))


def _umodbus_rtu(count: int) -> Step:
    reply = _rtu_reply(count)

    def step() -> object:
        return umodbus_rtu.parse_response_adu(reply, umodbus_rtu.read_holding_registers(UNIT, 0, count))

    return step


def _umodbus_tcp(count: int) -> Step:
    tail = _tcp_tail(count)

    def step() -> object:
        request = umodbus_tcp.read_holding_registers(UNIT, 0, count)
        return umodbus_tcp.parse_response_adu(request[:2] + tail, request)

    return step


RTU = {"ferrule": _ours_rtu, "pymodbus": _pymodbus_rtu, "umodbus": _umodbus_rtu}
TCP = {"ferrule": _ours_tcp, "pymodbus": _pymodbus_tcp, "umodbus": _umodbus_tcp}
