"""What an exchange costs on a given wire, in seconds. Everything the planner and the checker compute starts here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.settings.line_model import LineSettings, Table

# MODBUS over Serial Line 1.02, 2.5.1.1: 3.5 characters, fixed to 1.75 ms above 19200 baud.
GAP_CHARACTERS = 3.5
FIXED_GAP_S = 0.00175
FIXED_GAP_ABOVE_BAUD = 19200

# A read request PDU is 5 bytes; a reply PDU is 2 bytes and its data.
READ_REQUEST_PDU = 5
READ_REPLY_PDU = 2
# A write of one register and its reply are the same.
WRITE_PDU = 5
# A request that may be lost is a short one; its reply is waited for to its end.
SMALL_REPLY = 4


@dataclass(frozen=True, slots=True)
class Wire:
    """The time model of one line.

    Attributes:
        character: seconds a character takes; 0 on Modbus TCP, where size hardly matters.
        gap: seconds of silence kept before each request.
        turnaround: seconds between the end of a request and the start of its reply, assumed until measured.
        envelope: bytes that framing adds to a PDU.
        inflation: wire characters per byte of PDU (ASCII framing sends two).
        relayed: a server on the network hands characters on, some at a time.
    """

    character: float
    gap: float
    turnaround: float
    envelope: int
    inflation: int = 1
    relayed: bool = False

    @classmethod
    def of(cls, line: LineSettings) -> Wire:
        """The wire of a configured line."""
        asked = (line.gap or 0.0) + line.request_delay
        if line.transport == "tcp":
            return cls(0.0, asked, line.turnaround, 7)
        bits = 1 + line.bytesize + (line.parity != "none") + line.stopbits
        character = bits / line.baudrate
        if line.transport == "ascii":
            # ':' LRC CR LF around hex; no silent interval is asked for (2.5.2.1).
            return cls(character, asked, line.turnaround, 7, 2)
        if line.gap is None:
            asked += FIXED_GAP_S if line.baudrate > FIXED_GAP_ABOVE_BAUD else GAP_CHARACTERS * character
        # Behind a serial server too: most put on their bus at once what comes over the network.
        return cls(character, asked, line.turnaround, 3, relayed=line.network)

    def with_turnaround(self, turnaround: float) -> Wire:
        """The same wire with a device's measured turnaround."""
        return replace(self, turnaround=max(turnaround, 0.0))

    def carry(self, pdu_bytes: int) -> float:
        """Seconds a frame with a PDU of that size is on the wire."""
        return (pdu_bytes * self.inflation + self.envelope) * self.character

    def read(self, table: Table, count: int) -> float:
        """Seconds a read of ``count`` registers or bits takes, from one request to the moment of the next."""
        return (
            self.gap
            + self.carry(READ_REQUEST_PDU)
            + self.turnaround
            + self.carry(READ_REPLY_PDU + data_bytes(table, count))
        )

    def order(self) -> float:
        """Seconds a write of one register and its read-back take, from one request to the moment of the next."""
        return self.gap + 2 * self.carry(WRITE_PDU) + self.turnaround + self.read("holding", 1)

    def lost(self, timeout: float) -> float:
        """Seconds a request costs that nobody answers within ``timeout`` of its end."""
        return self.gap + self.carry(READ_REQUEST_PDU) + timeout + self.carry(READ_REPLY_PDU + SMALL_REPLY)

    def break_even(self, table: Table) -> int | None:
        """The largest hole, in registers or bits, that is cheaper to read than to ask around.

        A second request costs its gap, both envelopes, both PDU heads and a turnaround; a hole costs its characters.
        None where holes cost nothing.
        """
        if self.character == 0.0:
            return None
        saved = self.read(table, 0)
        per_item = self.character * self.inflation * (1 / 8 if table in {"coil", "discrete"} else 2)
        return int(saved / per_item)


def data_bytes(table: Table, count: int) -> int:
    """Bytes of data in the reply to a read."""
    return (count + 7) // 8 if table in {"coil", "discrete"} else 2 * count
