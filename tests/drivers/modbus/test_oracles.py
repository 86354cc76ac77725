"""Our bytes beside those of two other implementations, which know nothing of each other."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerRTU, FramerSocket
from pymodbus.framer.base import FramerBase
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu import bit_message as bit
from pymodbus.pdu import register_message as register
from umodbus.client import tcp as umodbus_tcp
from umodbus.client.serial import rtu as umodbus_rtu

from drivers.modbus import pdu as modbus
from drivers.modbus.ascii import AsciiFramer
from drivers.modbus.framing import Answered, Framer
from drivers.modbus.pdu import Data, Refusal, Request
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer
from drivers.modbus.unpacking import unpack_bits, unpack_registers
from tests.drivers.modbus.fuzz_frames import bitwise_crc

UMODBUS = {
    1: "read_coils",
    2: "read_discrete_inputs",
    3: "read_holding_registers",
    4: "read_input_registers",
    5: "write_single_coil",
    6: "write_single_register",
    15: "write_multiple_coils",
    16: "write_multiple_registers",
}


@dataclass(frozen=True)
class Exchange:
    """One exchange as we, pymodbus and umodbus say it.

    Attributes:
        ours: Our request.
        asked: The request as a PDU of pymodbus.
        told: The reply as a PDU of pymodbus.
        arguments: What umodbus builds its request from; None where it does not know the function.
        values: What a read brings.
    """

    ours: Request
    asked: ModbusPDU
    told: ModbusPDU
    arguments: tuple[Any, ...] | None
    values: list[int] | list[bool] | None = None


words = st.integers(0, 0xFFFF)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    function = draw(st.sampled_from([*UMODBUS, 22, 23]))
    unit = draw(st.integers(1, 247))
    at = draw(st.integers(0, 0xF000))
    both: dict[str, Any] = {"dev_id": unit, "transaction_id": 1}
    if function in {1, 2}:
        bits = draw(st.lists(st.booleans(), min_size=1, max_size=draw(st.sampled_from([8, 40, 2000]))))
        asked, told = (
            (bit.ReadCoilsRequest, bit.ReadCoilsResponse)
            if function == 1
            else (bit.ReadDiscreteInputsRequest, bit.ReadDiscreteInputsResponse)
        )
        count = len(bits)
        ours = modbus.read_bits(unit, function, at, count)
        return Exchange(ours, asked(address=at, count=count, **both), told(bits=bits, **both), (at, count), bits)
    if function in {3, 4}:
        values = draw(st.lists(words, min_size=1, max_size=draw(st.sampled_from([3, 125]))))
        ask, tell = (
            (register.ReadHoldingRegistersRequest, register.ReadHoldingRegistersResponse)
            if function == 3
            else (register.ReadInputRegistersRequest, register.ReadInputRegistersResponse)
        )
        count = len(values)
        ours = modbus.read_registers(unit, function, at, count)
        return Exchange(ours, ask(address=at, count=count, **both), tell(registers=values, **both), (at, count), values)
    if function == 5:
        on = draw(st.booleans())
        return Exchange(
            modbus.write_coil(unit, at, on=on),
            bit.WriteSingleCoilRequest(address=at, bits=[on], **both),
            bit.WriteSingleCoilResponse(address=at, bits=[on], **both),
            (at, int(on)),
        )
    if function == 6:
        value = draw(words)
        return Exchange(
            modbus.write_register(unit, at, value),
            register.WriteSingleRegisterRequest(address=at, registers=[value], **both),
            register.WriteSingleRegisterResponse(address=at, registers=[value], **both),
            (at, value),
        )
    if function == 15:
        bits = draw(st.lists(st.booleans(), min_size=1, max_size=50))
        return Exchange(
            modbus.write_coils(unit, at, bits),
            bit.WriteMultipleCoilsRequest(address=at, bits=bits, **both),
            bit.WriteMultipleCoilsResponse(address=at, count=len(bits), **both),
            (at, [int(b) for b in bits]),
        )
    values = draw(st.lists(words, min_size=1, max_size=20))
    if function == 16:
        return Exchange(
            modbus.write_registers(unit, at, values),
            register.WriteMultipleRegistersRequest(address=at, registers=values, **both),
            register.WriteMultipleRegistersResponse(address=at, count=len(values), **both),
            (at, values),
        )
    if function == 22:
        masks = {"address": at, "and_mask": draw(words), "or_mask": draw(words)}
        return Exchange(
            modbus.mask_write(unit, **masks),
            register.MaskWriteRegisterRequest(**masks, **both),
            register.MaskWriteRegisterResponse(**masks, **both),
            None,
        )
    there = draw(st.integers(0, 0xF000))
    read = draw(st.lists(words, min_size=1, max_size=20))
    return Exchange(
        modbus.read_write_registers(unit, at, len(read), there, values),
        register.ReadWriteMultipleRegistersRequest(
            read_address=at, read_count=len(read), write_address=there, write_registers=values, **both
        ),
        register.ReadWriteMultipleRegistersResponse(registers=read, **both),
        None,
        read,
    )


def read_values(exchange: Exchange, payload: bytes) -> list[int] | list[bool] | None:
    if exchange.values is None:
        assert payload == b""
        return None
    if exchange.ours.function in {1, 2}:
        return unpack_bits(payload, len(exchange.values))
    return unpack_registers(payload)


WIRES = [
    pytest.param(RtuFramer, FramerRTU, id="rtu"),
    pytest.param(TcpFramer, FramerSocket, id="tcp"),
    pytest.param(AsciiFramer, FramerAscii, id="ascii"),
]


@pytest.mark.parametrize(("framing", "framing_of_pymodbus"), WIRES)
@settings(max_examples=150, deadline=None)
@given(exchange=exchanges(), code=st.integers(1, 255))
def test_pymodbus_sends_and_replies_as_we_expect(
    framing: type[Framer], framing_of_pymodbus: type[FramerBase], exchange: Exchange, code: int
) -> None:
    theirs = framing_of_pymodbus(DecodePDU(is_server=False))
    ours = framing()
    assert ours.begin(exchange.ours) == theirs.buildFrame(exchange.asked)
    reply = theirs.buildFrame(exchange.told)
    assert len(reply) == ours.reply_size
    event = ours.feed(reply)
    assert isinstance(event, Answered)
    assert isinstance(event.answer, Data)
    assert read_values(exchange, event.answer.payload) == exchange.values

    ours = framing()
    ours.begin(exchange.ours)
    refusal = ExceptionResponse(exchange.ours.function, code, exchange.ours.unit)
    refusal.transaction_id = 1
    assert ours.feed(theirs.buildFrame(refusal)) == Answered(Refusal(code))


@settings(max_examples=150, deadline=None)
@given(exchange=exchanges())
def test_umodbus_sends_and_understands_the_same(exchange: Exchange) -> None:
    if exchange.arguments is None:
        return
    request = exchange.ours
    name = UMODBUS[request.function]
    asked = getattr(umodbus_rtu, name)(request.unit, *exchange.arguments)
    assert RtuFramer().begin(request) == asked
    tcp_asked = getattr(umodbus_tcp, name)(request.unit, *exchange.arguments)
    assert TcpFramer().begin(request)[2:] == tcp_asked[2:]

    told = bytes((exchange.told.function_code,)) + exchange.told.encode()
    body = bytes((request.unit,)) + told
    wanted = exchange.values if exchange.values is not None else confirmed_value(exchange)
    assert umodbus_rtu.parse_response_adu(body + bitwise_crc(body), asked) == wanted
    ours = RtuFramer()
    ours.begin(request)
    event = ours.feed(body + bitwise_crc(body))
    assert isinstance(event, Answered)
    assert isinstance(event.answer, Data)
    assert read_values(exchange, event.answer.payload) == exchange.values


def confirmed_value(exchange: Exchange) -> int:
    """What umodbus returns for a confirmed write: the value, or how many."""
    assert exchange.arguments is not None
    written = exchange.arguments[1]
    return len(written) if isinstance(written, list) else int(written)
