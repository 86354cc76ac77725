"""Requests within the limits of the specification, and what may answer them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.pdu import (
    Data,
    Function,
    Refusal,
    Request,
    mask_write,
    match,
    read_bits,
    read_registers,
    read_write_registers,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from drivers.modbus.unpacking import unpack_bits, unpack_registers

READ_THREE = read_registers(17, 3, 0x6B, 3)


# The examples printed in MAP 6.1 to 6.17.
@pytest.mark.parametrize(
    ("request_", "sent", "reply", "payload"),
    [
        (read_bits(1, 1, 0x13, 0x13), "01 0013 0013", "01 03 cd6b05", "cd6b05"),
        (read_bits(1, 2, 0xC4, 0x16), "02 00c4 0016", "02 03 acdb35", "acdb35"),
        (read_registers(1, 3, 0x6B, 3), "03 006b 0003", "03 06 022b00000064", "022b00000064"),
        (read_registers(1, 4, 8, 1), "04 0008 0001", "04 02 000a", "000a"),
        (write_coil(1, 0xAC, on=True), "05 00ac ff00", "05 00ac ff00", ""),
        (write_coil(1, 0xAC, on=False), "05 00ac 0000", "05 00ac 0000", ""),
        (write_register(1, 1, 3), "06 0001 0003", "06 0001 0003", ""),
        (
            write_coils(1, 0x13, [bit == "1" for bit in "1011001110"]),
            "0f 0013 000a 02 cd01",
            "0f 0013 000a",
            "",
        ),
        (write_registers(1, 1, [0x0A, 0x0102]), "10 0001 0002 04 000a 0102", "10 0001 0002", ""),
        (mask_write(1, 4, 0xF2, 0x25), "16 0004 00f2 0025", "16 0004 00f2 0025", ""),
        (
            read_write_registers(1, 3, 6, 0x0E, [0xFF, 0xFF, 0xFF]),
            "17 0003 0006 000e 0003 06 00ff00ff00ff",
            "17 0c 00fe0acd00010003000d00ff",
            "00fe0acd00010003000d00ff",
        ),
    ],
)
def test_requests_and_replies_of_the_specification(request_: Request, sent: str, reply: str, payload: str) -> None:
    assert request_.pdu == bytes.fromhex(sent)
    answer = bytes.fromhex(reply)
    assert len(answer) == request_.reply_size
    assert match(request_, answer) == Data(bytes.fromhex(payload))
    assert request_.writes == (request_.function not in {1, 2, 3, 4})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: read_bits(1, 3, 0, 1), "function 3 does not read bits"),
        (lambda: read_registers(1, 1, 0, 1), "function 1 does not read registers"),
        (lambda: read_bits(1, 1, 0, 0), "count 0 is outside 1..2000"),
        (lambda: read_bits(1, 1, 0, 2001), "count 2001"),
        (lambda: read_registers(1, 3, 0, 126), "count 126 is outside 1..125"),
        (lambda: read_registers(256, 3, 0, 1), "unit 256 is outside 0..255"),
        (lambda: read_registers(-1, 3, 0, 1), "unit -1"),
        (lambda: read_registers(1, 3, -1, 1), "address -1 is outside 0..65535"),
        (lambda: read_registers(1, 3, 0x10000, 1), "address 65536"),
        (lambda: read_registers(1, 3, 65535, 2), "goes beyond 65535"),
        (lambda: write_coil(1, 0x10000, on=True), "address 65536"),
        (lambda: write_register(1, 0, 0x10000), "value 65536 does not fit a register"),
        (lambda: write_register(1, 0, -1), "value -1"),
        (lambda: write_coils(1, 0, []), "count 0 is outside 1..1968"),
        (lambda: write_coils(1, 0, [True] * 1969), "count 1969"),
        (lambda: write_registers(1, 0, []), "count 0 is outside 1..123"),
        (lambda: write_registers(1, 0, [0] * 124), "count 124"),
        (lambda: write_registers(1, 0, [0, -1]), "value -1"),
        (lambda: mask_write(1, 0, 0x10000, 0), "mask 65536"),
        (lambda: mask_write(1, 0, 0, -1), "mask -1"),
        (lambda: read_write_registers(1, 0, 126, 0, [0]), "count 126"),
        (lambda: read_write_registers(1, 0, 1, 0, [0] * 122), "count 122 is outside 1..121"),
    ],
)
def test_what_the_specification_forbids_is_refused_with_the_range(make: Callable[[], Request], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: read_bits(0, 1, 63536, 2000),
        lambda: read_registers(255, 4, 65411, 125),
        lambda: write_coils(1, 0, [True] * 1968),
        lambda: write_registers(1, 0, [0xFFFF] * 123),
        lambda: read_write_registers(1, 0, 125, 0, [0] * 121),
    ],
)
def test_the_largest_requests_fit_a_pdu(make: Callable[[], Request]) -> None:
    request = make()
    assert len(request.pdu) <= 253
    assert request.reply_size <= 253


def test_only_unit_0_is_broadcast() -> None:
    assert write_register(0, 1, 2).broadcast
    assert not write_register(1, 1, 2).broadcast
    assert write_register(1, 1, 2).function is not None
    assert Function(write_register(1, 1, 2).function) is Function.WRITE_SINGLE_REGISTER


@pytest.mark.parametrize(
    "pdu",
    [
        "",
        "03",
        "04 06 000100020003",  # another function
        "03 04 00010002",  # two registers where three were asked
        "03 04 000100020003",  # a count that lies
        "03 05 0001000200",
        "03 00",
        "03 06 000100020003 00",  # one byte more
        "03 06 0001000200",  # one byte less
        "83",
        "83 02 00",
        "83 00",  # no exception code
        "84 02",  # an exception of another function
        "03 02",
    ],
)
def test_a_pdu_that_differs_from_the_reply_in_anything_is_not_it(pdu: str) -> None:
    assert match(READ_THREE, bytes.fromhex(pdu)) is None


@pytest.mark.parametrize("pdu", ["06 0001 0004", "06 0002 0003", "06 0001 000300", "06 0001", "10 0001 0002", "86"])
def test_a_write_is_confirmed_by_its_own_echo_only(pdu: str) -> None:
    assert match(write_register(1, 1, 3), bytes.fromhex(pdu)) is None


@given(st.integers(1, 255))
def test_every_exception_code_is_a_value_with_a_name(code: int) -> None:
    refusal = match(READ_THREE, bytes((0x83, code)))
    assert refusal == Refusal(code)
    assert isinstance(refusal, Refusal)
    assert refusal.name


def test_exception_names() -> None:
    assert [Refusal(code).name for code in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 0x77)] == [
        "illegal_function",
        "illegal_data_address",
        "illegal_data_value",
        "server_device_failure",
        "acknowledge",
        "server_device_busy",
        "exception_7",
        "memory_parity_error",
        "gateway_path_unavailable",
        "gateway_target_failed_to_respond",
        "exception_119",
    ]


@given(st.lists(st.booleans(), min_size=1, max_size=1968))
def test_written_bits_are_the_bits_read_back(bits: list[bool]) -> None:
    request = write_coils(1, 0, bits)
    assert unpack_bits(request.pdu[6:], len(bits)) == bits


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=123))
def test_written_registers_are_the_registers_read_back(values: list[int]) -> None:
    assert unpack_registers(write_registers(1, 0, values).pdu[6:]) == values


def test_payloads_too_short_for_what_is_asked_are_refused() -> None:
    with pytest.raises(ValueError, match="1 bytes do not hold 9 bits"):
        unpack_bits(b"\xff", 9)
    with pytest.raises(ValueError, match="3 bytes are not a whole number of registers"):
        unpack_registers(b"\0\1\2")
