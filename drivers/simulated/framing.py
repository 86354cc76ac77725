"""The three Modbus framings as a device sees them: pure, and independent of `drivers.modbus`."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the device understood it; `transaction` is 0 where the framing has none."""

    unit: int
    pdu: bytes
    transaction: int = 0


class Framing(Protocol):
    """How requests are found in a stream of bytes, and how answers are wrapped."""

    by_silence: bool
    """Whether a pause on the wire ends a frame (RTU only)."""

    gateway: bool
    """Whether a gateway answers for units that are not there (TCP only)."""

    checked: bool
    """Whether frames carry a check sum: ``decode`` then tells damaged ones."""

    def decode(self, frame: bytes) -> Request | None:
        """Read one whole frame; None when it is damaged, and no device hears it."""

    def encode(self, request: Request, unit: int, pdu: bytes) -> bytes:
        """Wrap an answer to `request`."""

    def split(self, buffer: bytearray) -> bytes | None:
        """Take the next whole frame off the front of a stream, or None when there is none yet."""


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes) -> int:
    """Return the CRC of Modbus over Serial Line V1.02, section 6.2.2 (sent low byte first)."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _rtu_request_length(buffer: bytes | bytearray) -> int | None:
    """Return how long the RTU request at the front is; None: not enough of it yet, 0: only silence can tell."""
    if len(buffer) < 2:
        return None
    function = buffer[1]
    if function in {1, 2, 3, 4, 5, 6, 8}:
        return 8
    if function == 22:
        return 10
    if function == 43:
        return 7
    if function in {15, 16, 23}:
        at, head = (6, 9) if function != 23 else (10, 13)
        return None if len(buffer) <= at else head + buffer[at]
    return 0


class RtuFraming:
    """Unit, PDU, CRC; the end of a frame is silence, or known from the function code."""

    by_silence = True
    gateway = False
    checked = True

    def decode(self, frame: bytes) -> Request | None:
        """Read one frame; damaged, too short or too long ones are not heard."""
        if not 4 <= len(frame) <= 256 or crc16(frame[:-2]) != frame[-2] | frame[-1] << 8:
            return None
        return Request(frame[0], frame[1:-2])

    def encode(self, request: Request, unit: int, pdu: bytes) -> bytes:  # noqa: ARG002 - the Framing protocol
        """Wrap an answer."""
        body = bytes((unit,)) + pdu
        return body + crc16(body).to_bytes(2, "little")

    def split(self, buffer: bytearray) -> bytes | None:
        """Take a frame by its length; what only silence could end is taken whole."""
        length = _rtu_request_length(buffer)
        if length is None or len(buffer) < length:
            return None
        frame = bytes(buffer[:length] if length else buffer)
        del buffer[: len(frame)]
        return frame


class TcpFraming:
    """The MBAP header of Modbus Messaging on TCP/IP V1.0b, section 3.1.3."""

    by_silence = False
    gateway = True
    checked = False

    def decode(self, frame: bytes) -> Request | None:
        """Read one frame; a foreign protocol identifier is not heard."""
        if len(frame) < 8 or frame[2:4] != b"\0\0" or len(frame) != 6 + int.from_bytes(frame[4:6]):
            return None
        return Request(frame[6], frame[7:], int.from_bytes(frame[:2]))

    def encode(self, request: Request, unit: int, pdu: bytes) -> bytes:
        """Wrap an answer under the request's transaction identifier."""
        return request.transaction.to_bytes(2) + bytes(2) + (len(pdu) + 1).to_bytes(2) + bytes((unit,)) + pdu

    def split(self, buffer: bytearray) -> bytes | None:
        """Take a frame by its length field."""
        if len(buffer) < 6:
            return None
        length = 6 + int.from_bytes(buffer[4:6])
        if len(buffer) < length:
            return None
        frame = bytes(buffer[:length])
        del buffer[:length]
        return frame


class AsciiFraming:
    """A colon, hexadecimal digits with LRC, CR LF: Modbus over Serial Line V1.02, section 2.5.2."""

    by_silence = False
    gateway = False
    checked = True

    def decode(self, frame: bytes) -> Request | None:
        """Read one frame; damaged ones are not heard."""
        try:
            data = bytes.fromhex(frame[1:-2].decode("ascii"))
        except ValueError:
            return None
        if len(data) < 3 or sum(data) & 0xFF:
            return None
        return Request(data[0], data[1:-1])

    def encode(self, request: Request, unit: int, pdu: bytes) -> bytes:  # noqa: ARG002 - the Framing protocol
        """Wrap an answer."""
        body = bytes((unit,)) + pdu
        return b":" + (body + bytes((-sum(body) & 0xFF,))).hex().upper().encode("ascii") + b"\r\n"

    def split(self, buffer: bytearray) -> bytes | None:
        """Take a frame from the last colon before CR LF."""
        end = buffer.find(b"\r\n")
        if end < 0:
            return None
        frame = bytes(buffer[: end + 2])
        del buffer[: end + 2]
        return frame[max(0, frame.rfind(b":")) :]
