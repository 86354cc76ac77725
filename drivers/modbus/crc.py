"""CRC-16 of Modbus RTU (MSL 6.2.2), two bytes a step."""

import sys
from array import array

_POLYNOMIAL = 0xA001  # 0x8005 mirrored: the wire sends the lowest bit first
_SWAPPED = sys.byteorder == "big"


def _remainders() -> "array[int]":
    """Tabulate what sixteen more bits make of every CRC state.

    65536 entries in 128 KB stay in the second-level cache of a small board, where a list of ints (2.4 MB,
    a third faster on a large one) does not. The CRC is linear, so each bit doubles the table.
    """
    table = array("H", [0])
    for bit in range(16):
        state = 1 << bit
        for _ in range(16):
            state = state >> 1 ^ (_POLYNOMIAL if state & 1 else 0)
        table.extend(array("H", [entry ^ state for entry in table]))
    return table


_TABLE = _remainders()


def crc16(data: bytes) -> int:
    """Compute the CRC of `data`; 0 when `data` is an intact frame that ends with its CRC, low byte first."""
    table = _TABLE
    crc = 0xFFFF
    odd = len(data) & 1
    words = array("H", data[:-1] if odd else data)
    if _SWAPPED:  # pragma: no cover - no board of ours is big-endian
        words.byteswap()
    for word in words:
        crc = table[crc ^ word]
    if odd:
        crc = crc >> 8 ^ table[(crc ^ data[-1]) << 8 & 0xFF00]
    return crc
