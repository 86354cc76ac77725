"""A simulated Modbus device: tables of registers and bits, and an answer to every request."""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.simulated.registers import Kind, Order, encode, width
from drivers.simulated.signals import Constant, Follow, Signal, Switched

Table = Literal["coil", "discrete", "input", "holding"]

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
_READS: dict[int, Table] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_WIDEST = 4  # registers of the widest kind


@dataclass(frozen=True, slots=True)
class AddressRange:
    """`count` addresses of a table, beginning with `first` (zero-based, as on the wire)."""

    table: Table
    first: int
    count: int = 1

    def meets(self, table: Table, first: int, count: int) -> bool:
        """Tell whether any of the `count` addresses from `first` on belong to this range."""
        return table == self.table and first < self.first + self.count and self.first < first + count


@dataclass(frozen=True, slots=True)
class Point:
    """A signal laid into the registers (or, at threshold 0.5, the bit) at an address."""

    table: Table
    address: int
    signal: Signal
    kind: Kind = "uint16"
    scale: float = 1.0
    word_order: Order = "big"
    byte_order: Order = "big"

    @property
    def span(self) -> int:
        """How many addresses the value takes."""
        return 1 if self.table in {"coil", "discrete"} else width(self.kind)

    def raw(self, now: float) -> tuple[int, ...]:
        """Return what stands at the addresses at `now`."""
        value = self.signal.value(now)
        if self.table in {"coil", "discrete"}:
            return (int(value >= 0.5),)
        return encode(self.kind, value, scale=self.scale, word_order=self.word_order, byte_order=self.byte_order)


class _Refused(Exception):  # noqa: N818 - the device's answer, not a failure of the program
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class SimulatedDevice:
    """One unit on a line. Pure: it is told the time and gives bytes.

    Serves function codes 1 to 6, 8, 15, 16, 22, 23 and 43/14 of the Modbus Application Protocol V1.1b3; anything
    else is refused with exception 1. Addresses that no table holds, and refused ranges, give exception 2; counts
    beyond the limits give exception 3.
    """

    def __init__(
        self,
        unit: int,
        *,
        coil: Mapping[int, int] | None = None,
        discrete: Mapping[int, int] | None = None,
        input: Mapping[int, int] | None = None,  # noqa: A002 - the table's name in the specification
        holding: Mapping[int, int] | None = None,
        points: Iterable[Point] = (),
        refused: Sequence[AddressRange] = (),
        read_only: Sequence[AddressRange] = (),
        refused_functions: Iterable[int] = (),
        max_registers: int = 125,
        turnaround_s: float = 0.002,
        identity: Mapping[int, str] | None = None,
    ) -> None:
        """Describe a device.

        Args:
            unit: 1 to 247 on a serial line, 0 to 255 behind TCP.
            coil: output bits by address.
            discrete: input bits by address.
            input: input registers by address.
            holding: holding registers by address.
            points: signals laid over the tables; they add their addresses. All but `Constant` are read-only.
            refused: ranges that answer exception 2 although their neighbours exist, as many real maps have.
            read_only: ranges of coils and holding registers that refuse writes with exception 2.
            refused_functions: function codes that answer exception 1.
            max_registers: the longest register read the device takes (exception 3 beyond).
            turnaround_s: from the recognised end of a request to the first character of the answer.
            identity: object id to text for function code 43/14 (0 vendor, 1 product code, 2 revision ...).
        """
        self.unit = unit
        self.turnaround_s = turnaround_s
        self.refused = tuple(refused)
        self.refused_functions = frozenset(refused_functions)
        self._tables: dict[Table, dict[int, int]] = {
            "coil": dict(coil or {}),
            "discrete": dict(discrete or {}),
            "input": dict(input or {}),
            "holding": dict(holding or {}),
        }
        self._max_registers = max_registers
        self._identity = dict(identity or {})
        self._moving: dict[Table, list[Point]] = {"coil": [], "discrete": [], "input": [], "holding": []}
        self._sourced: list[Follow | Switched] = []
        read_only = list(read_only)
        for point in sorted(points, key=lambda point: point.address):
            for offset, raw in enumerate(point.raw(0.0)):
                self._tables[point.table][point.address + offset] = raw
            if isinstance(point.signal, Constant):
                continue
            self._moving[point.table].append(point)
            read_only.append(AddressRange(point.table, point.address, point.span))
            if isinstance(point.signal, Follow | Switched):
                self._sourced.append(point.signal)
        self._moving_at = {table: [p.address for p in points] for table, points in self._moving.items()}
        self._read_only = tuple(read_only)
        self._requests = 0
        self._refusals = 0
        for signal in self._sourced:
            signal.moved(0.0, self._tables["holding"].get(signal.source, 0))

    def get(self, table: Table, address: int, now: float = 0.0) -> int:
        """Return what stands at an address.

        Raises:
            KeyError: the device has no such address.
        """
        self._refresh(table, address, 1, now)
        return self._tables[table][address]

    def set(self, table: Table, address: int, raw: int, now: float = 0.0) -> None:
        """Put a value at an address, as the device's own firmware would; adds the address if it is new."""
        self._tables[table][address] = raw
        if table == "holding":
            self._announce(address, raw, now)

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        """Return the response PDU to a request PDU, or None for a request no device would answer (an empty one)."""
        if not pdu:
            return None
        self._requests += 1
        function = pdu[0]
        try:
            if function in self.refused_functions:
                raise _Refused(ILLEGAL_FUNCTION)
            return self._serve(function, pdu, now)
        except _Refused as refused:
            code = refused.code
        except (struct.error, IndexError):
            code = ILLEGAL_VALUE
        self._refusals += 1
        return bytes((function | 0x80, code))

    def _serve(self, function: int, pdu: bytes, now: float) -> bytes:
        if function in {1, 2}:
            address, count = struct.unpack(">HH", pdu[1:])
            bits = self._read(_READS[function], address, count, 2000, now)
            packed = sum(bool(bit) << i for i, bit in enumerate(bits)).to_bytes((count + 7) // 8, "little")
            return bytes((function, len(packed))) + packed
        if function in {3, 4}:
            address, count = struct.unpack(">HH", pdu[1:])
            words = self._read(_READS[function], address, count, self._max_registers, now)
            return struct.pack(f">BB{count}H", function, 2 * count, *words)
        if function in {5, 6}:
            address, raw = struct.unpack(">HH", pdu[1:])
            if function == 5 and raw not in {0x0000, 0xFF00}:
                raise _Refused(ILLEGAL_VALUE)
            self._write("coil" if function == 5 else "holding", address, (raw if function == 6 else raw >> 15,), now)
            return pdu
        if function in {15, 16}:
            return self._write_many(function, pdu, now)
        if function == 22:
            address, keep, change = struct.unpack(">HHH", pdu[1:])
            (raw,) = self._read("holding", address, 1, 1, now)
            self._write("holding", address, (raw & keep | change & ~keep & 0xFFFF,), now)
            return pdu
        if function == 23:
            return self._read_write(pdu, now)
        if function == 8:
            return self._diagnose(pdu)
        if function == 43:
            return self._identify(pdu)
        raise _Refused(ILLEGAL_FUNCTION)

    def _refresh(self, table: Table, first: int, count: int, now: float) -> None:
        points = self._moving[table]
        if not points:
            return
        cells = self._tables[table]
        for i in range(bisect_left(self._moving_at[table], first - _WIDEST + 1), len(points)):
            point = points[i]
            if point.address >= first + count:
                break
            for offset, raw in enumerate(point.raw(now)):
                cells[point.address + offset] = raw

    def _read(self, table: Table, first: int, count: int, limit: int, now: float) -> list[int]:
        if not 1 <= count <= limit:
            raise _Refused(ILLEGAL_VALUE)
        if any(hole.meets(table, first, count) for hole in self.refused):
            raise _Refused(ILLEGAL_ADDRESS)
        self._refresh(table, first, count, now)
        cells = self._tables[table]
        try:
            return [cells[address] for address in range(first, first + count)]
        except KeyError:
            raise _Refused(ILLEGAL_ADDRESS) from None

    def _check_write(self, table: Table, first: int, count: int) -> None:
        if any(hole.meets(table, first, count) for hole in (*self.refused, *self._read_only)):
            raise _Refused(ILLEGAL_ADDRESS)
        cells = self._tables[table]
        if any(address not in cells for address in range(first, first + count)):
            raise _Refused(ILLEGAL_ADDRESS)

    def _write(self, table: Table, first: int, raws: Sequence[int], now: float) -> None:
        self._check_write(table, first, len(raws))
        for address, raw in enumerate(raws, first):
            self._tables[table][address] = raw
            if table == "holding":
                self._announce(address, raw, now)

    def _announce(self, address: int, raw: int, now: float) -> None:
        for signal in self._sourced:
            if signal.source == address:
                signal.moved(now, raw)

    def _write_many(self, function: int, pdu: bytes, now: float) -> bytes:
        address, count, size = struct.unpack(">HHB", pdu[1:6])
        data = pdu[6:]
        limit, expected = (1968, (count + 7) // 8) if function == 15 else (123, 2 * count)
        if not 1 <= count <= limit or size != expected or len(data) != size:
            raise _Refused(ILLEGAL_VALUE)
        if function == 15:
            packed = int.from_bytes(data, "little")
            self._write("coil", address, [packed >> i & 1 for i in range(count)], now)
        else:
            self._write("holding", address, struct.unpack(f">{count}H", data), now)
        return pdu[:5]

    def _read_write(self, pdu: bytes, now: float) -> bytes:
        address, count, write_address, write_count, size = struct.unpack(">HHHHB", pdu[1:10])
        data = pdu[10:]
        if not 1 <= write_count <= 121 or size != 2 * write_count or len(data) != size:
            raise _Refused(ILLEGAL_VALUE)
        self._read("holding", address, count, self._max_registers, now)  # section 6.17: refuse before writing
        self._write("holding", write_address, struct.unpack(f">{write_count}H", data), now)
        words = self._read("holding", address, count, self._max_registers, now)
        return struct.pack(f">BB{count}H", 23, 2 * count, *words)

    def _diagnose(self, pdu: bytes) -> bytes:
        (subfunction,) = struct.unpack(">H", pdu[1:3])
        if subfunction == 0:
            return pdu
        if pdu[3:] != b"\0\0":
            raise _Refused(ILLEGAL_VALUE)
        if subfunction == 10:
            self._requests = self._refusals = 0
            return pdu
        counts = {11: self._requests, 12: 0, 13: self._refusals, 14: self._requests, 15: 0}
        if subfunction not in counts:
            raise _Refused(ILLEGAL_FUNCTION)
        return struct.pack(">BHH", 8, subfunction, counts[subfunction] & 0xFFFF)

    def _identify(self, pdu: bytes) -> bytes:
        """Serve Read Device Identification (function 43, MEI type 14; section 6.21)."""
        if pdu[1] != 14:
            raise _Refused(ILLEGAL_FUNCTION)
        code, wanted = pdu[2], pdu[3]
        if not self._identity:
            raise _Refused(ILLEGAL_FUNCTION)
        highest = {1: 2, 2: 6, 3: 255}
        conformity = 0x81 if max(self._identity) <= 2 else 0x82 if max(self._identity) <= 6 else 0x83
        if code == 4:
            if wanted not in self._identity:
                raise _Refused(ILLEGAL_ADDRESS)
            objects = [wanted]
        elif code in highest:
            known = sorted(number for number in self._identity if number <= highest[code])
            # An unknown start means the whole list again, says the specification.
            objects = [n for n in known if n >= wanted] if wanted in known else known
        else:
            raise _Refused(ILLEGAL_VALUE)
        body = b""
        sent = 0
        for number in objects:
            text = self._identity[number].encode("ascii")
            if 7 + len(body) + 2 + len(text) > 253:
                break
            body += bytes((number, len(text))) + text
            sent += 1
        more = objects[sent:]
        return bytes((43, 14, code, conformity, 0xFF if more else 0, more[0] if more else 0, sent)) + body
