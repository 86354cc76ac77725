from hypothesis import example, given
from hypothesis import strategies as st

from drivers.modbus.ascii import lrc
from drivers.modbus.crc import crc16
from tests.drivers.modbus.fuzz_frames import bitwise_crc


def test_the_check_value_every_catalogue_lists() -> None:
    assert crc16(b"123456789") == 0x4B37


@given(st.binary(max_size=256))
@example(b"")
def test_crc_is_the_bitwise_one_and_closes_to_zero(data: bytes) -> None:
    assert crc16(data).to_bytes(2, "little") == bitwise_crc(data)
    assert crc16(data + bitwise_crc(data)) == 0


def test_lrc_of_the_serial_line_specification_closes_to_zero() -> None:
    assert lrc(b"\x11\x03\x00\x6b\x00\x03") == 0x7E
    assert lrc(b"\x11\x03\x00\x6b\x00\x03\x7e") == 0
