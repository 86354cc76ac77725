"""How long a PDU is, told by its own first bytes.

The reply to our request has a known length; this is for the frames that are not it (other units, other
masters, echoes), which are skipped whole, and for the two functions whose replies tell their length only
as they arrive.
"""

from typing import Final

MORE: Final = 0
"""More bytes are needed before the length is known."""
NEVER: Final = -1
"""No PDU of the specification begins like this."""
LONGEST_PDU: Final = 253  # MAP 4.1: 256 bytes of RS-485 frame less unit and CRC

_FIXED_REPLY = {5: 5, 6: 5, 7: 2, 8: 5, 11: 5, 15: 5, 16: 5, 22: 7}
_FIXED_REQUEST = {1: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 1, 8: 5, 11: 1, 12: 1, 17: 1, 22: 7, 24: 3, 43: 4}
_COUNTED_REPLY = frozenset({1, 2, 3, 4, 12, 17, 20, 21, 23})
_REGISTERS_REPLY = frozenset({3, 4, 23})
_COUNT_IN_REQUEST = {15: 5, 16: 5, 20: 1, 21: 1, 23: 9}
_MOST_FIFO_REGISTERS = 31  # MAP 6.18
_READ_DEVICE_IDENTIFICATION = 14


def reply_length(pdu: bytes) -> int:
    """Length of the reply PDU that begins with `pdu` (a byte or more), or MORE, or NEVER."""
    function = pdu[0]
    if function > 0x80:
        return 2
    if fixed := _FIXED_REPLY.get(function):
        return fixed
    if function in _COUNTED_REPLY:
        if len(pdu) < 2:
            return MORE
        count = pdu[1]
        if not 1 <= count <= LONGEST_PDU - 2 or (count & 1 and function in _REGISTERS_REPLY):
            return NEVER
        return 2 + count
    if function == 24:
        return _fifo_length(pdu)
    if function == 43:
        return _identification_length(pdu)
    return NEVER


def request_length(pdu: bytes) -> int:
    """Length of the request PDU that begins with `pdu` (a byte or more), or MORE, or NEVER."""
    function = pdu[0]
    if fixed := _FIXED_REQUEST.get(function):
        return fixed
    at = _COUNT_IN_REQUEST.get(function)
    if at is None:
        return NEVER
    if len(pdu) <= at:
        return MORE
    length = at + 1 + pdu[at]
    return length if at + 1 < length <= LONGEST_PDU else NEVER


def _fifo_length(pdu: bytes) -> int:
    """Function 24 counts bytes in two bytes, its register counter among them (MAP 6.18)."""
    if len(pdu) < 5:
        return MORE
    registers = pdu[3] << 8 | pdu[4]
    if registers > _MOST_FIFO_REGISTERS or (pdu[1] << 8 | pdu[2]) != 2 + 2 * registers:
        return NEVER
    return 5 + 2 * registers


def _identification_length(pdu: bytes) -> int:
    """Function 43/14 ends where its last object ends (MAP 6.21)."""
    size = len(pdu)
    if size > 1 and pdu[1] != _READ_DEVICE_IDENTIFICATION:
        return NEVER
    if size < 7:
        return MORE
    end = 7
    for _ in range(pdu[6]):
        if end + 2 > LONGEST_PDU:
            return NEVER
        if size < end + 2:
            return MORE
        end += 2 + pdu[end + 1]
    return end if end <= LONGEST_PDU else NEVER
