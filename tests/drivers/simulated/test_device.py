import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.pdu import DecodePDU

from drivers.simulated.device import AddressRange, Point, SimulatedDevice
from drivers.simulated.signals import Constant, Counter, Follow


def make_device() -> SimulatedDevice:
    return SimulatedDevice(
        7,
        coil=dict.fromkeys(range(20), 0),
        discrete={0: 1, 1: 0, 2: 1, 3: 1, 4: 0, 5: 0, 6: 0, 7: 0, 8: 1},
        holding={address: 1000 + address for address in range(50)},
        input={address: 2000 + address for address in range(200)},
        points=[
            Point("input", 10, Counter(65536), "uint32"),
            Point("holding", 60, Constant(7)),
            Point("holding", 61, Follow(60, lag_s=1)),
        ],
        refused=[AddressRange("holding", 20, 5)],
        read_only=[AddressRange("coil", 15, 5)],
        refused_functions=[22],
        max_registers=100,
        identity={0: "Maker", 1: "Code", 2: "1.0", 128: "x" * 240, 129: "private"},
    )


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [
        ("03 0001 0002", "03 04 03e9 03ea"),
        ("04 0000 0001", "04 02 07d0"),
        ("02 0000 0009", "02 02 0d01"),
        ("01 0000 0003", "01 01 00"),
        ("05 0001 ff00", "05 0001 ff00"),
        ("06 0001 1234", "06 0001 1234"),
        ("0f 0000 000a 02 cd01", "0f 0000 000a"),
        ("10 0001 0002 04 000a 0102", "10 0001 0002"),
        ("17 0001 0002 0001 0001 02 00ff", "17 04 00ff 03ea"),
        ("08 0000 a537", "08 0000 a537"),
        ("03 0010 0006", "83 02"),  # reaches into the refused range
        ("03 0013 0001", "03 02 03fb"),  # the register before it
        ("03 0014 0001", "83 02"),
        ("03 0019 0001", "03 02 0401"),  # the register behind it
        ("03 0031 0002", "83 02"),  # beyond the end
        ("03 0000 0000", "83 03"),
        ("04 0000 0064", None),  # the device's own limit
        ("04 0000 0065", "84 03"),
        ("05 0001 0001", "85 03"),
        ("05 000f ff00", "85 02"),
        ("06 003d 0001", "86 02"),  # a moving register is read-only
        ("06 003c 0001", "06 003c 0001"),  # a constant one is not
        ("10 0001 0002 03 000a 01", "90 03"),
        ("0f 0000 0000 00", "8f 03"),
        ("16 0001 00f2 0025", "96 01"),
        ("07", "87 01"),
        ("03 00", "83 03"),
        ("63", "e3 01"),
        ("2b 0d 00", "ab 01"),
        ("2b 0e 04 07", "ab 02"),
        ("2b 0e 07 00", "ab 03"),
        ("2b 0e 01 00", "2b 0e 01 83 00 00 03 00 05 4d616b6572 01 04 436f6465 02 03 312e30"),
    ],
)
def test_answers(request_hex: str, answer_hex: str | None) -> None:
    answer = make_device().answer(bytes.fromhex(request_hex), 0.0)
    assert answer is not None
    if answer_hex is None:
        assert answer[0] < 0x80
    else:
        assert answer == bytes.fromhex(answer_hex)


def test_an_empty_request_is_not_answered() -> None:
    assert make_device().answer(b"", 0.0) is None


def test_writes_are_kept() -> None:
    device = make_device()
    device.answer(bytes.fromhex("0f 0000 000a 02 cd01"), 0.0)
    assert device.answer(bytes.fromhex("01 0000 000a"), 0.0) == bytes.fromhex("01 02 cd01")
    device.answer(bytes.fromhex("10 0005 0001 02 beef"), 0.0)
    assert device.get("holding", 5) == 0xBEEF


def test_a_refused_write_changes_nothing() -> None:
    device = make_device()
    assert device.answer(bytes.fromhex("10 0012 0003 06 000100020003"), 0.0) == b"\x90\x02"
    assert device.get("holding", 0x12) == 1000 + 0x12


def test_mask_write() -> None:
    device = SimulatedDevice(1, holding={4: 0x12})
    assert device.answer(bytes.fromhex("16 0004 00f2 0025"), 0.0) == bytes.fromhex("16 0004 00f2 0025")
    assert device.get("holding", 4) == 0x17  # the example of the specification, section 6.16


def test_signals_move_with_time() -> None:
    device = make_device()
    assert device.answer(bytes.fromhex("04 000a 0002"), 0.0) == bytes.fromhex("04 04 00010000")
    assert device.answer(bytes.fromhex("04 000a 0002"), 5.0) == bytes.fromhex("04 04 00010005")
    # A read that begins in the middle of the value sees it, too.
    assert device.answer(bytes.fromhex("04 000b 0001"), 9.0) == bytes.fromhex("04 02 0009")


def test_a_follower_runs_after_a_write() -> None:
    device = make_device()
    assert device.get("holding", 61, now=100.0) == 7  # where its source stood from the beginning
    device.answer(bytes.fromhex("06 003c 03e8"), 100.0)
    assert device.get("holding", 61, now=100.0) == 7
    assert device.get("holding", 61, now=130.0) == 1000
    device.set("holding", 60, 0, now=200.0)
    assert device.get("holding", 61, now=230.0) == 0


def test_diagnostics_count_requests() -> None:
    device = make_device()
    device.answer(bytes.fromhex("03 0000 0001"), 0.0)
    device.answer(bytes.fromhex("03 ffff 0001"), 0.0)
    assert device.answer(bytes.fromhex("08 000b 0000"), 0.0) == bytes.fromhex("08 000b 0003")
    assert device.answer(bytes.fromhex("08 000d 0000"), 0.0) == bytes.fromhex("08 000d 0001")
    device.answer(bytes.fromhex("08 000a 0000"), 0.0)
    assert device.answer(bytes.fromhex("08 000e 0000"), 0.0) == bytes.fromhex("08 000e 0001")
    assert device.answer(bytes.fromhex("08 0063 0000"), 0.0) == b"\x88\x01"
    assert device.answer(bytes.fromhex("08 000b 0001"), 0.0) == b"\x88\x03"


def test_identification_is_given_in_parts_that_fit() -> None:
    device = make_device()
    first = device.answer(bytes.fromhex("2b 0e 03 00"), 0.0)
    assert first is not None
    assert len(first) <= 253
    assert first[4:6] == bytes((0xFF, 128))
    second = device.answer(bytes((0x2B, 0x0E, 3, 128)), 0.0)
    assert second is not None
    assert second[4:6] == bytes((0xFF, 129))
    third = device.answer(bytes((0x2B, 0x0E, 3, 129)), 0.0)
    assert third is not None
    assert third[4:] == b"\0\0\1\x81\x07private"


@settings(max_examples=300)
@given(st.binary(max_size=260))
def test_no_request_breaks_a_device(pdu: bytes) -> None:
    answer = make_device().answer(pdu, 1.0)
    assert (answer is None) == (not pdu)
    assert answer is None or answer[0] & 0x7F == pdu[0] & 0x7F
    assert answer is None or len(answer) <= 253 or answer == pdu


@pytest.mark.interop
@settings(max_examples=100)
@given(
    function=st.sampled_from([1, 2, 3, 4, 5, 6, 15, 16]),
    address=st.integers(0, 15),
    count=st.integers(1, 8),
    raw=st.integers(0, 65535),
)
def test_pymodbus_understands_the_answers(function: int, address: int, count: int, raw: int) -> None:
    device = SimulatedDevice(
        1,
        coil={a: a % 3 == 0 for a in range(32)},
        discrete={a: a % 5 == 0 for a in range(32)},
        holding=dict(enumerate(range(500, 532))),
        input=dict(enumerate(range(900, 932))),
    )
    if function in {1, 2, 3, 4}:
        request = struct.pack(">BHH", function, address, count)
    elif function in {5, 6}:
        request = struct.pack(">BHH", function, address, raw if function == 6 else 0xFF00 * (raw & 1))
    elif function == 15:
        request = struct.pack(">BHHBB", 15, address, count, 1, raw & ((1 << count) - 1))
    else:
        request = struct.pack(f">BHHB{count}H", 16, address, count, 2 * count, *[raw] * count)
    answer = device.answer(request, 0.0)
    assert answer is not None
    decoded = DecodePDU(is_server=False).decode(answer)
    assert decoded is not None
    assert not decoded.isError()
    if function in {1, 2}:
        table = {1: "coil", 2: "discrete"}[function]
        expected = [bool(device.get(table, a)) for a in range(address, address + count)]  # type: ignore[arg-type]  # a literal by the line above
        assert decoded.bits[:count] == expected
    elif function in {3, 4}:
        base = 500 if function == 3 else 900
        assert decoded.registers == list(range(base + address, base + address + count))
