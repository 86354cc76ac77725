"""A capture that Wireshark opens and decodes without any setting (pcapng, IETF draft-ietf-opsawg-pcapng).

Modbus frames are written as Modbus TCP in a made-up connection of made-up addresses: that is what Wireshark knows
without being told. What makes no frame stands on a second interface as raw bytes. Every packet says in its comment
what it is.
"""

from __future__ import annotations

import struct

from gateway.field.monitor_messages import Message

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_ETHERNET, _USER0 = 1, 147
_COMMENT, _NAME, _END = 1, 2, 0
_MASTER, _DEVICES = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
_MASTER_MAC, _DEVICES_MAC = bytes.fromhex("02feed000001"), bytes.fromhex("02feed000002")
_MASTER_PORT, _DEVICES_PORT = 50000, 502
_PSH_ACK = 0x18


class Capture:
    """Makes the bytes of a capture, message by message.

    Args:
        line: its name, for the interfaces.
    """

    def __init__(self, line: str) -> None:
        self._line = line
        self._transaction = 0
        self._sequence = {True: 1, False: 1}

    def header(self) -> bytes:
        """What the file begins with."""
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        return (
            _block(_SECTION, section)
            + _interface(_ETHERNET, f"{self._line}: Modbus frames as Modbus TCP")
            + _interface(_USER0, f"{self._line}: bytes that make no frame")
        )

    def packet(self, message: Message, words: str) -> bytes:
        """One message; nothing for silence, of which there are no bytes.

        Args:
            message: stamped with Unix seconds.
            words: what it is, for the comment.
        """
        if message.kind == "silence":
            return b""
        if message.kind == "damaged" or message.unit is None:
            return _packet(1, message.at, message.raw, words)
        asked = message.kind == "request"
        if asked:
            self._transaction = self._transaction % 0xFFFF + 1
        body = bytes((message.unit,)) + message.pdu
        frame = struct.pack(">HHH", self._transaction, 0, len(body)) + body
        return _packet(0, message.at, self._ethernet(frame, asked=asked), words)

    def _ethernet(self, frame: bytes, *, asked: bool) -> bytes:
        ends = (_MASTER, _DEVICES) if asked else (_DEVICES, _MASTER)
        ports = (_MASTER_PORT, _DEVICES_PORT) if asked else (_DEVICES_PORT, _MASTER_PORT)
        macs = _DEVICES_MAC + _MASTER_MAC if asked else _MASTER_MAC + _DEVICES_MAC
        sequence, acknowledged = self._sequence[asked], self._sequence[not asked]
        self._sequence[asked] = sequence + len(frame) & 0xFFFFFFFF
        tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, _PSH_ACK, 0xFFFF, 0, 0)
        pseudo = ends[0] + ends[1] + struct.pack(">BBH", 0, 6, len(tcp) + len(frame))
        tcp = tcp[:16] + _checksum(pseudo + tcp + frame) + tcp[18:]
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp) + len(frame), 0, 0x4000, 64, 6, 0) + ends[0] + ends[1]
        ip = ip[:10] + _checksum(ip) + ip[12:]
        return macs + b"\x08\x00" + ip + tcp + frame


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _options(*options: tuple[int, str]) -> bytes:
    packed = b""
    for code, text in options:
        data = text.encode()[:0xFFFF]
        packed += struct.pack("<HH", code, len(data)) + data + bytes(-len(data) % 4)
    return packed + struct.pack("<HH", _END, 0)


def _interface(link: int, name: str) -> bytes:
    return _block(_INTERFACE, struct.pack("<HHI", link, 0, 0) + _options((_NAME, name)))


def _packet(interface: int, at: float, data: bytes, words: str) -> bytes:
    micros = round(at * 1_000_000)
    head = struct.pack("<IIIII", interface, micros >> 32, micros & 0xFFFFFFFF, len(data), len(data))
    return _block(_PACKET, head + data + bytes(-len(data) % 4) + _options((_COMMENT, words)))


def _checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)
