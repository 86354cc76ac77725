"""What a read carries, as bits and as registers (MAP 6.1 to 6.4).

Apart from the requests, because a command that only explains what was read must not wait for what they need.
"""

from itertools import chain
from struct import unpack

_BITS_OF_BYTE = tuple(tuple(bool(byte >> bit & 1) for bit in range(8)) for byte in range(256))


def unpack_bits(payload: bytes, count: int) -> list[bool]:
    """Take the first `count` bits of a read's payload; the first coil is the lowest bit of the first byte.

    Raises:
        ValueError: The payload holds fewer bits.
    """
    if not 0 <= count <= 8 * len(payload):
        raise ValueError(f"{len(payload)} bytes do not hold {count} bits")
    bits = list(chain.from_iterable(map(_BITS_OF_BYTE.__getitem__, payload)))
    del bits[count:]
    return bits


def unpack_registers(payload: bytes) -> list[int]:
    """Take a read's payload as unsigned 16-bit registers.

    Raises:
        ValueError: The payload is half a register too long.
    """
    size = len(payload)
    if size & 1:
        raise ValueError(f"{size} bytes are not a whole number of registers")
    return list(unpack(f">{size >> 1}H", payload))
