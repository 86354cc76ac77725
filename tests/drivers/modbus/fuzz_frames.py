"""Feed damaged replies and random bytes to the framers; the drill runs this by the million.

What is asserted: nothing raises, buffers stay bounded, and an answer is only ever given when the stream
holds, byte for byte, the intact frame that carries it. Intactness is decided by checksums of this file,
which share nothing with the code under test.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from drivers.modbus import pdu as modbus
from drivers.modbus.ascii import AsciiFramer
from drivers.modbus.framing import Answered, Broken, Framer, Stray
from drivers.modbus.pdu import Data, Refusal, Request
from drivers.modbus.rare import diagnostics, read_device_identification, read_fifo
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer

BUFFER_BOUND = 520


@cache
def bitwise_crc(data: bytes) -> bytes:
    """CRC-16 of Modbus as the specification draws it, bit by bit (MSL 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            lowest = crc & 1
            crc >>= 1
            if lowest:
                crc ^= 0xA001
    return bytes((crc & 0xFF, crc >> 8))


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + bitwise_crc(body)


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu


def ascii_frame(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    checksum = (256 - sum(body) % 256) % 256
    return b":" + "".join(f"{byte:02X}" for byte in (*body, checksum)).encode() + b"\r\n"


@dataclass(frozen=True)
class Case:
    """A request and a PDU that truly answers it."""

    request: Request
    reply: bytes

    @property
    def refusal(self) -> bytes:
        return bytes((self.request.function | 0x80, 2))


def cases(rng: random.Random) -> list[Case]:
    """One case of every function, and of reads in several sizes."""
    unit = rng.randrange(1, 248)

    def word() -> int:
        return rng.randrange(0x10000)

    def address() -> int:
        return rng.randrange(0xF000)

    def read(request: Request) -> Case:
        return Case(request, request.echo + rng.randbytes(request.reply_size - 2))

    def write(request: Request) -> Case:
        return Case(request, request.echo)

    queue = [word() for _ in range(rng.randrange(32))]
    fifo = bytes((24, 0, 2 + 2 * len(queue), 0, len(queue))) + b"".join(v.to_bytes(2, "big") for v in queue)
    objects = b"".join(bytes((n, len(text))) + text for n, text in enumerate((b"Ferrule", b"", b"v1.0")))
    return [
        read(modbus.read_bits(unit, 1, address(), rng.randrange(1, 2001))),
        read(modbus.read_bits(unit, 2, address(), rng.randrange(1, 65))),
        read(modbus.read_registers(unit, 3, address(), 1)),
        read(modbus.read_registers(unit, 3, rng.randrange(0x200, 0x300), 1)),
        read(modbus.read_registers(unit, 3, address(), rng.randrange(1, 11))),
        read(modbus.read_registers(unit, 4, address(), rng.randrange(1, 126))),
        write(modbus.write_coil(unit, address(), on=True)),
        write(modbus.write_register(unit, address(), word())),
        write(modbus.write_coils(unit, address(), [rng.random() < 0.5 for _ in range(rng.randrange(1, 40))])),
        write(modbus.write_registers(unit, address(), [word() for _ in range(rng.randrange(1, 9))])),
        write(modbus.mask_write(unit, address(), word(), word())),
        read(modbus.read_write_registers(unit, address(), rng.randrange(1, 9), address(), [word()])),
        write(diagnostics(unit, 0, rng.randbytes(4))),
        Case(diagnostics(unit, 11), b"\x08\x00\x0b" + rng.randbytes(2)),
        Case(read_fifo(unit, address()), fifo),
        Case(read_device_identification(unit), b"\x2b\x0e\x01\x01\x00\x00\x03" + objects),
    ]


def carried(request: Request, answer: Data | Refusal) -> bytes:
    """The PDU that carries this answer to this request."""
    if isinstance(answer, Refusal):
        return bytes((request.function | 0x80, answer.code))
    if request.function in {5, 6, 15, 16, 22}:
        assert answer.payload == b""
        return request.echo
    head = request.echo[:2] if request.function in {1, 2, 3, 4, 23} else request.echo[:1]
    return head + answer.payload


Frame = Callable[[int, bytes], bytes]


def damaged(rng: random.Random, good: bytes, sent: bytes, other: bytes) -> bytes:
    """What a bad line makes of a reply."""
    kind = rng.randrange(14)
    at = rng.randrange(len(good))
    if kind == 0:
        return good
    if kind == 1:
        return good[:at] + bytes((good[at] ^ 1 << rng.randrange(8),)) + good[at + 1 :]
    if kind == 2:
        return good[:at] + rng.randbytes(1) + good[at + 1 :]
    if kind == 3:
        return good[:at] + good[at + 1 :]
    if kind == 4:
        return good[:at] + rng.randbytes(1) + good[at:]
    if kind == 5:
        return good[:at]
    if kind == 6:
        return good[at:]
    if kind == 7:
        return rng.randbytes(rng.randrange(1, 4)) + good
    if kind == 8:
        return good + rng.randbytes(rng.randrange(1, 12))
    if kind == 9:
        return sent + good
    if kind == 10:
        return other + good
    if kind == 11:
        return good[:at] + good
    if kind == 12:
        return other[: rng.randrange(len(other))] + good[at:]
    return rng.randbytes(rng.randrange(1, 300 if rng.random() < 0.01 else 20))


def pieces(rng: random.Random, stream: bytes) -> Iterator[bytes]:
    """Cut a stream as a driver might hand it over."""
    kind = rng.randrange(4)
    if kind == 0 and len(stream) < 40:
        yield from (stream[i : i + 1] for i in range(len(stream)))
    elif kind == 1:
        at = rng.randrange(len(stream) + 1)
        yield stream[:at]
        yield stream[at:]
    else:
        yield stream


def exchange(framer: Framer, stream: Iterator[bytes]) -> tuple[Answered | Broken | None, int]:
    """Drive one exchange to its end; return how it ended and how many strays came before."""
    strays = 0
    for piece in stream:
        event = framer.feed(piece)
        while isinstance(event, Stray):
            strays += 1
            event = framer.feed(b"")
        assert len(framer._buffer) <= BUFFER_BOUND  # type: ignore[attr-defined]  # what must not grow is inside
        if event is not None:
            return event, strays
    return None, strays


def fuzz(seed: int, frames: int) -> int:
    """Run `frames` exchanges over RTU, TCP and ASCII; return how many were answered."""
    rng = random.Random(seed)
    rtu, hearing, tcp, ascii_ = RtuFramer(), RtuFramer(echo=True), TcpFramer(), AsciiFramer()
    answered = 0
    pool: list[Case] = []
    ready: dict[tuple[int, bytes], bytes] = {}
    for number in range(frames):
        if number % 500 == 0:
            pool = cases(rng)
            ready = {}
        case, other = rng.choice(pool), rng.choice(pool)
        request = case.request
        reply = case.reply if rng.random() < 0.9 else case.refusal
        unit = request.unit
        framer: Framer
        wire: Frame
        if tcp._buffer:
            # Damage has taken the borders of the frames away: a line opens the connection anew then.
            tcp = TcpFramer()
        wheel = number % 8
        if wheel < 5:
            framer, wire = (rtu if wheel else hearing), rtu_frame
        elif wheel < 7:
            framer, wire = tcp, tcp_frame_of(tcp)
        else:
            framer, wire = ascii_, ascii_frame
        sent = framer.begin(request)
        key = (wheel, reply)
        if framer is tcp:
            good = wire(unit, reply)
        elif not (good := ready.get(key, b"")):
            good = ready[key] = wire(unit, reply)
        stranger = wire(unit if rng.random() < 0.5 else unit % 247 + 1, other.reply)
        echo = sent if framer is hearing and rng.random() < 0.8 else b""
        stream = echo + damaged(rng, good, sent, stranger)
        event, _ = exchange(framer, pieces(rng, stream))
        if isinstance(event, Answered):
            answered += 1
            frame = wire(unit, carried(request, event.answer))
            copies = (stream.upper() if framer is ascii_ else stream).count(frame)
            # An adapter that hears itself shows every write once without any device being there.
            assert copies > (framer is hearing and frame == sent), (request, stream.hex(), event)
        else:
            assert stream != echo + good or (framer is hearing and not echo), (request, stream.hex(), event)
        assert framer.abandon().size <= len(stream)
    return answered


def tcp_frame_of(framer: TcpFramer) -> Frame:
    """Frames of the transaction the framer is about to use."""
    transaction = framer._transaction % 0xFFFF + 1
    return lambda unit, pdu: tcp_frame(transaction, unit, pdu)
