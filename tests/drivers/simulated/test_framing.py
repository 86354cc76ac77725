import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, WriteMultipleRegistersRequest

from drivers.simulated.framing import AsciiFraming, Framing, Request, RtuFraming, TcpFraming, crc16


def test_the_crc_of_the_specification() -> None:
    assert crc16(b"\x02\x07") == 0x1241  # Modbus over Serial Line V1.02, appendix B


@pytest.mark.interop
@settings(max_examples=60)
@given(
    unit=st.integers(1, 247),
    address=st.integers(0, 65000),
    values=st.lists(st.integers(0, 65535), min_size=1, max_size=123),
    transaction=st.integers(1, 65535),
)
def test_pymodbus_frames_are_heard(unit: int, address: int, values: list[int], transaction: int) -> None:
    pdus = [
        ReadHoldingRegistersRequest(address=address, count=5, dev_id=unit, transaction_id=transaction),
        WriteMultipleRegistersRequest(address=address, registers=values, dev_id=unit, transaction_id=transaction),
    ]
    framings: list[tuple[Framing, type[FramerRTU | FramerSocket | FramerAscii]]] = [
        (RtuFraming(), FramerRTU),
        (TcpFraming(), FramerSocket),
        (AsciiFraming(), FramerAscii),
    ]
    for framing, framer in framings:
        for pdu in pdus:
            frame = framer(DecodePDU(is_server=True)).buildFrame(pdu)
            stream = bytearray(frame + frame[:3])
            assert framing.split(stream) == frame
            assert stream == frame[:3]
            request = framing.decode(frame)
            assert request is not None
            assert (request.unit, request.pdu) == (unit, bytes((pdu.function_code,)) + pdu.encode())
            # And the way back: what we wrap, pymodbus reads.
            answer = framing.encode(request, unit, b"\x03\x02\x12\x34")
            used, heard = framer(DecodePDU(is_server=False)).handleFrame(answer, unit, transaction)
            assert used == len(answer)
            assert heard is not None
            assert heard.registers == [0x1234]


@pytest.mark.parametrize(
    ("framing", "frame"),
    [
        (RtuFraming(), b"\x01\x03\x00\x00\x00\x01\x00\x00"),
        (RtuFraming(), b"\x01\x03\x00"),
        (TcpFraming(), b"\x00\x01\x00\x01\x00\x06\x01\x03\x00\x00\x00\x01"),
        (TcpFraming(), b"\x00\x01\x00\x00\x00\x05\x01\x03\x00\x00\x00\x01"),
        (TcpFraming(), b"\x00\x01\x00\x00\x00\x01\x01"),
        (AsciiFraming(), b":010300000001FF\r\n"),
        (AsciiFraming(), b":0103\xff0000001FB\r\n"),
        (AsciiFraming(), b":01\r\n"),
    ],
)
def test_damaged_frames_are_not_heard(framing: Framing, frame: bytes) -> None:
    assert framing.decode(frame) is None


def test_an_ascii_frame_begins_with_its_last_colon() -> None:
    stream = bytearray(b":0103:010300000001FB\r\n")
    frame = AsciiFraming().split(stream)
    assert frame is not None
    assert AsciiFraming().decode(frame) == Request(1, b"\x03\x00\x00\x00\x01")
