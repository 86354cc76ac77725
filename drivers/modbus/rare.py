"""The functions a technician's tool asks now and then: 8, 24 and 43/14, the last with the PDUs of pymodbus.

Framing and matching are ours, as for every request. pymodbus is imported inside the functions: a gateway
that never asks for an identification never loads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import pack

from drivers.modbus.pdu import Data, Function, Request, check_address, check_unit

_LISTEN_ONLY = 4
_LONGEST_DIAGNOSTIC_DATA = 250
_CHANGING = frozenset({1, 3, 10, 20})  # restart, delimiter, clear counters, clear overrun
_READ_DEVICE_IDENTIFICATION = 14


@dataclass(frozen=True, slots=True)
class DeviceIdentification:
    """The reply to function 43/14.

    Attributes:
        conformity: The level of identification the device supports (MAP 6.21).
        next_object: The object to ask for next when the rest did not fit, else None.
        objects: Object id to its bytes: 0 vendor, 1 product code, 2 revision, 3 URL, 4 product name,
            5 model, 6 application, 128 and above are the device's own.
    """

    conformity: int
    next_object: int | None
    objects: Mapping[int, bytes]


def diagnostics(unit: int, subfunction: int, data: bytes = b"\0\0") -> Request:
    """Build function 8 (MAP 6.8); sub-function 0 makes the device return `data`, the others read counters.

    Raises:
        ValueError: A number is outside what the specification allows, or the sub-function gets no reply.
    """
    check_unit(unit)
    if not 0 <= subfunction <= 0xFFFF:
        raise ValueError(f"diagnostics sub-function {subfunction} is outside 0..65535")
    if subfunction == _LISTEN_ONLY:
        raise ValueError("diagnostics sub-function 4 makes the device listen only: no reply would come")
    if len(data) % 2 or not 2 <= len(data) <= _LONGEST_DIAGNOSTIC_DATA:
        raise ValueError(f"diagnostics data must be 2..250 bytes, an even number of them, not {len(data)}")
    pdu = pack(">BH", Function.DIAGNOSTICS, subfunction) + data
    # Only the loopback of sub-function 0 must repeat the data; a counter replaces it.
    return Request(unit, pdu, len(pdu), pdu if subfunction == 0 else pdu[:3], subfunction in _CHANGING)


def read_fifo(unit: int, address: int) -> Request:
    """Build function 24: read up to 31 queued registers, leaving the queue as it is (MAP 6.18).

    Raises:
        ValueError: A number is outside what the specification allows.
    """
    check_unit(unit)
    check_address(address)
    pdu = pack(">BH", Function.READ_FIFO_QUEUE, address)
    return Request(unit, pdu, 0, pdu[:1], False)


def read_device_identification(unit: int, level: int = 1, object_id: int = 0) -> Request:
    """Build function 43/14 (MAP 6.21).

    Args:
        unit: The unit to ask.
        level: 1 basic, 2 regular, 3 extended, 4 one single object.
        object_id: The first object wanted, or the single one.

    Raises:
        ValueError: A number is outside what the specification allows.
    """
    from pymodbus.pdu.mei_message import (  # noqa: PLC0415 - see the module's first lines
        ReadDeviceInformationRequest,
    )

    check_unit(unit)
    if not 1 <= level <= 4:
        raise ValueError(f"device identification level {level} is outside 1..4")
    if not 0 <= object_id <= 0xFF:
        raise ValueError(f"device identification object {object_id} is outside 0..255")
    data = ReadDeviceInformationRequest(read_code=level, object_id=object_id).encode()
    pdu = bytes((Function.ENCAPSULATED_INTERFACE,)) + data
    return Request(unit, pdu, 0, pdu[:3], False)


def decode_device_identification(data: Data) -> DeviceIdentification:
    """Take apart the reply to `read_device_identification`. Raises ValueError if it is not one."""
    from pymodbus.pdu import DecodePDU  # noqa: PLC0415 - see the module's first lines
    from pymodbus.pdu.mei_message import (  # noqa: PLC0415 - see the module's first lines
        ReadDeviceInformationResponse,
    )

    function = Function.ENCAPSULATED_INTERFACE
    message = DecodePDU(is_server=False).decode(bytes((function,)) + data.payload)
    if not isinstance(message, ReadDeviceInformationResponse):
        raise ValueError(f"{data.payload.hex(' ')} is no payload of function {function}")  # noqa: TRY004 - bytes of a wire
    objects: dict[int, bytes] = {}
    for object_id, value in message.information.items():
        # pymodbus makes a list of an object that is sent twice: the first one counts.
        objects[object_id] = bytes(value[0] if isinstance(value, list) else value)
    more = message.more_follows == 0xFF
    return DeviceIdentification(message.conformity, message.next_object_id if more else None, objects)
