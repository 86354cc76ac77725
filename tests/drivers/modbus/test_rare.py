"""Functions 8, 24 and 43/14: our requests and frames around the PDUs of pymodbus."""

from collections.abc import Callable
from struct import pack

import pytest
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu import diag_message as diag
from pymodbus.pdu.file_message import ReadFifoQueueRequest, ReadFifoQueueResponse
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse

from drivers.modbus.framing import Answered, Framer
from drivers.modbus.pdu import Data, Request
from drivers.modbus.rare import (
    DeviceIdentification,
    decode_device_identification,
    diagnostics,
    read_device_identification,
    read_fifo,
)
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer
from tests.drivers.modbus.fuzz_frames import rtu_frame

Framing = type[RtuFramer | TcpFramer]
THEIRS: dict[Framing, type[FramerRTU | FramerSocket]] = {RtuFramer: FramerRTU, TcpFramer: FramerSocket}


@pytest.fixture(params=THEIRS, ids=["rtu", "tcp"])
def framing(request: pytest.FixtureRequest) -> Framing:
    kind: Framing = request.param
    return kind


def payload_of(framer: Framer, reply: bytes) -> Data:
    event = framer.feed(reply)
    assert isinstance(event, Answered)
    assert isinstance(event.answer, Data)
    return event.answer


def test_the_loopback(framing: Framing) -> None:
    theirs, ours = THEIRS[framing](DecodePDU(is_server=False)), framing()
    asked = diag.ReturnQueryDataRequest(message=b"\xa5\x37", dev_id=17, transaction_id=1)
    assert ours.begin(diagnostics(17, 0, b"\xa5\x37")) == theirs.buildFrame(asked)
    reply = diag.ReturnQueryDataResponse(message=b"\xa5\x37", dev_id=17, transaction_id=1)
    answer = payload_of(ours, theirs.buildFrame(reply))
    assert answer.payload == b"\x00\x00\xa5\x37"


def test_a_counter(framing: Framing) -> None:
    theirs, ours = THEIRS[framing](DecodePDU(is_server=False)), framing()
    asked = diag.ReturnBusMessageCountRequest(dev_id=17, transaction_id=1)
    assert ours.begin(diagnostics(17, 11)) == theirs.buildFrame(asked)
    reply = diag.ReturnBusMessageCountResponse(message=513, dev_id=17, transaction_id=1)
    assert payload_of(ours, theirs.buildFrame(reply)).payload == b"\x00\x0b\x02\x01"


@pytest.mark.parametrize("values", [(), (1,), (0x01B8, 0x1284), tuple(range(31))])
def test_the_queue_which_pymodbus_itself_cannot_read_over_rtu(framing: Framing, values: tuple[int, ...]) -> None:
    theirs, ours = THEIRS[framing](DecodePDU(is_server=False)), framing()
    asked = ReadFifoQueueRequest(address=0x4DE, dev_id=17, transaction_id=1)
    assert ours.begin(read_fifo(17, 0x4DE)) == theirs.buildFrame(asked)
    reply = ReadFifoQueueResponse(values=list(values), dev_id=17, transaction_id=1)
    queued = pack(f">{len(values)}H", *values)
    assert payload_of(ours, theirs.buildFrame(reply)).payload == pack(">HH", 2 + len(queued), len(values)) + queued


def test_device_identification(framing: Framing) -> None:
    theirs, ours = THEIRS[framing](DecodePDU(is_server=False)), framing()
    asked = ReadDeviceInformationRequest(read_code=2, object_id=0, dev_id=17, transaction_id=1)
    assert ours.begin(read_device_identification(17, 2)) == theirs.buildFrame(asked)
    objects = {0: b"Ferrule", 1: b"", 2: b"v1.0"}
    reply = ReadDeviceInformationResponse(2, dict(objects), dev_id=17, transaction_id=1)
    answer = payload_of(ours, theirs.buildFrame(reply))
    assert decode_device_identification(answer) == DeviceIdentification(0x83, None, objects)


def test_more_identification_than_one_reply_holds_says_where_to_go_on() -> None:
    theirs, ours = FramerRTU(DecodePDU(is_server=False)), RtuFramer()
    ours.begin(read_device_identification(17, 3))
    reply = ReadDeviceInformationResponse(3, dict.fromkeys(range(4), b"x" * 100), dev_id=17)
    identification = decode_device_identification(payload_of(ours, theirs.buildFrame(reply)))
    assert identification.next_object == 2
    assert list(identification.objects) == [0, 1]


def test_an_object_sent_twice_counts_once() -> None:
    ours = RtuFramer()
    ours.begin(read_device_identification(17))
    pdu = b"\x2b\x0e\x01\x01\x00\x00\x02\x00\x01a\x00\x01b"
    assert decode_device_identification(payload_of(ours, rtu_frame(17, pdu))).objects == {0: b"a"}


@pytest.mark.parametrize(
    "pdu",
    [
        b"\x2b\x0d\x01\x01\x00\x00\x00",  # another encapsulated interface
        b"\x2b\x0e\x01\x01\x00\x00\x02\x00\xf0" + bytes(240) + b"\x01\x03abc",  # longer than a PDU
        b"\x2b\x0e\x01\x01\x00\x00\x02\x00\xf4" + bytes(244),  # the second object begins behind the end
    ],
)
def test_identifications_that_cannot_be_are_no_reply(pdu: bytes) -> None:
    ours = RtuFramer()
    ours.begin(read_device_identification(17))
    assert ours.feed(rtu_frame(17, pdu)) is None


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: diagnostics(256, 0), "unit 256"),
        (lambda: diagnostics(1, 0x10000), "sub-function 65536 is outside 0..65535"),
        (lambda: diagnostics(1, 4), "no reply would come"),
        (lambda: diagnostics(1, 0, b"\0"), "an even number of them, not 1"),
        (lambda: diagnostics(1, 0, b""), "not 0"),
        (lambda: diagnostics(1, 0, bytes(252)), "not 252"),
        (lambda: read_fifo(1, 0x10000), "address 65536"),
        (lambda: read_device_identification(1, 5), "level 5 is outside 1..4"),
        (lambda: read_device_identification(1, 4, 256), "object 256 is outside 0..255"),
    ],
)
def test_what_cannot_be_asked(make: Callable[[], Request], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_only_diagnostics_that_change_the_device_are_writes() -> None:
    assert [number for number in range(21) if number != 4 and diagnostics(1, number).writes] == [1, 3, 10, 20]


def test_a_payload_of_another_function_is_refused() -> None:
    with pytest.raises(ValueError, match="no payload of function 43"):
        decode_device_identification(Data(b"\x00\x08\x00\x09"))
