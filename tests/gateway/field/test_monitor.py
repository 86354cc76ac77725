"""Traffic as a technician sees it: split, paired, worded and saved."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from drivers.modbus.crc import crc16
from drivers.ports.port import LinkDown
from gateway.field.monitor import Following, overhear
from gateway.field.monitor_capture import Capture
from gateway.field.monitor_messages import Message, reader_of
from gateway.field.monitor_split import Splitter
from gateway.field.monitor_words import describe, is_error
from gateway.field.scan_bus import LineLostError
from gateway.settings.line_model import LineSettings
from tests.gateway.field.talking_port import TalkingPort


def rtu(text: str) -> bytes:
    body = bytes.fromhex(text)
    return body + crc16(body).to_bytes(2, "little")


ASK = rtu("03 04 00 00 00 02")
REPLY = rtu("03 04 04 43 66 19 9a")
REFUSAL = rtu("05 83 02")
ASK_FIVE = rtu("05 03 00 6b 00 01")
WRITE = rtu("05 06 00 6b 05 dc")
NOISE = b"\xff\x00\x81"
LISTENED = LineSettings(name="tool", transport="rtu", port="/dev/x")


def kinds(frames: list[Message]) -> list[tuple[str, int | None]]:
    return [(one.kind, one.unit) for one in frames]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([(ASK, REPLY), (ASK_FIVE, REFUSAL), (WRITE, WRITE)]), min_size=1, max_size=8), st.data()
)
def test_overheard_frames_do_not_depend_on_how_the_bytes_arrive(
    pairs: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(ask + answer for ask, answer in pairs)
    splitter, frames, now = Splitter(0.02), [], 0.0
    while stream:
        size = data.draw(st.integers(1, 40))
        now += 0.001
        frames += splitter.feed(stream[:size], now)
        stream = stream[size:]
    frames += splitter.flush(now + 1)

    assert [(frame.data, frame.direction) for frame in frames] == [
        one for ask, answer in pairs for one in ((ask, "request"), (answer, "reply"))
    ]


def test_damage_costs_no_frame_behind_it() -> None:
    splitter = Splitter(0.02)
    bad = REPLY[:4] + b"\x00" + REPLY[5:]

    frames = splitter.feed(ASK, 0.0) + splitter.feed(NOISE + bad, 0.01)
    frames += splitter.feed(ASK_FIVE, 1.0) + splitter.feed(REFUSAL, 1.01) + splitter.flush(2.0)

    assert [frame.direction for frame in frames] == ["request", "damaged", "request", "reply"]
    assert frames[1].data == NOISE + bad
    assert frames[3].after == pytest.approx(0.01)


def test_a_frame_is_found_between_rubbish() -> None:
    splitter = Splitter(0.02)

    frames = splitter.feed(NOISE + ASK + NOISE, 0.0) + splitter.flush(1.0)

    assert [(frame.direction, frame.data) for frame in frames] == [
        ("damaged", NOISE),
        ("request", ASK),
        ("damaged", NOISE),
    ]


def tcp(transaction: int, body: str) -> bytes:
    data = bytes.fromhex(body)
    return transaction.to_bytes(2, "big") + bytes(2) + len(data).to_bytes(2, "big") + data


def ascii_frame(text: str) -> bytes:
    body = bytes.fromhex(text)
    return b":" + (body + bytes((-sum(body) & 0xFF,))).hex().upper().encode() + b"\r\n"


@pytest.mark.parametrize(
    ("transport", "ask", "reply", "bad"),
    [
        ("rtu", ASK, REPLY, REPLY[:5]),
        ("tcp", tcp(7, "03 04 00 00 00 02"), tcp(7, "03 04 04 43 66 19 9a"), b"\x00\x07\xff\xff\xff\xff\x01"),
        ("ascii", ascii_frame("03 04 00 00 00 02"), ascii_frame("03 04 04 43 66 19 9a"), b":0304\r\n"),
    ],
)
def test_the_gateways_traffic_pairs_replies_and_tells_silence(
    transport: str, ask: bytes, reply: bytes, bad: bytes
) -> None:
    reader = reader_of(transport)

    told = reader.feed(1.0, ask, sent=True)
    told += reader.feed(1.004, reply[:3], sent=False) + reader.feed(1.005, reply[3:], sent=False)
    told += reader.feed(2.0, ask, sent=True)
    told += reader.feed(3.0, ask, sent=True)
    told += reader.feed(3.1, bad, sent=False)
    told += reader.feed(4.0, ask, sent=True)

    assert [one.kind for one in told] == ["request", "reply", "request", "silence", "request", "damaged", "request"]
    assert told[1].after == pytest.approx(0.005)
    assert describe(told[0]) == "read 30001 (input, PDU 0, 0x00) x 2"
    assert describe(told[1]) == "17254 6554"
    assert describe(told[3]) == "no answer to: read 30001 (input, PDU 0, 0x00) x 2"
    assert [is_error(one) for one in told] == [False, False, False, True, False, True, False]


@pytest.mark.parametrize(
    ("ask", "reply", "asked", "answered"),
    [
        ("05 06 00 6b 05 dc", "05 06 00 6b 05 dc", "write 40108 (holding, PDU 107, 0x6B) = 1500", "done"),
        ("05 05 00 00 ff 00", "05 05 00 00 ff 00", "write 00001 (coil, PDU 0, 0x00) = on", "done"),
        ("05 10 00 01 00 01 02 00 07", "05 10 00 01 00 01", "write 40002 (holding, PDU 1, 0x01) x 1 = 7", "done"),
        ("05 01 00 00 00 03", "05 01 01 05", "read 00001 (coil, PDU 0, 0x00) x 3", "bits 1 0 1"),
        ("05 2b 0e 01 00", "05 2b 0e 01 01 00 00 00", "identification (43)", "answer to identification (43)"),
        (
            "05 03 00 6b 00 01",
            "05 83 02",
            "read 40108 (holding, PDU 107, 0x6B) x 1",
            "refused, exception 2 (illegal data address) to: read 40108 (holding, PDU 107, 0x6B) x 1",
        ),
    ],
)
def test_requests_and_replies_in_words(ask: str, reply: str, asked: str, answered: str) -> None:
    reader = reader_of("rtu")

    [first] = reader.feed(0.0, rtu(ask), sent=True)
    [second] = reader.feed(0.1, rtu(reply), sent=False)

    assert (describe(first), describe(second)) == (asked, answered)


@pytest.mark.parametrize("transport", ["rtu", "ascii"])
def test_a_second_answer_is_told_as_one_that_nobody_asked_for(transport: str) -> None:
    reader, frame = reader_of(transport), rtu if transport == "rtu" else ascii_frame
    ask, reply = frame("05 03 00 00 00 01"), frame("05 03 02 00 07")

    told = reader.feed(0.0, ask, sent=True) + reader.feed(0.1, reply, sent=False) + reader.feed(0.2, reply, sent=False)

    assert [one.kind for one in told] == ["request", "reply", "unasked"]
    assert is_error(told[2])
    assert "a second device with this number" in describe(told[2])


def test_who_begins_in_the_middle_of_an_exchange_is_told_of_no_second_device() -> None:
    reader = reader_of("rtu")

    told = [*reader.feed(0.0, REPLY, sent=False), *reader.feed(1.0, ASK, sent=True)]

    assert kinds(told) == [("reply", 3), ("request", 3)]


async def test_listening_on_a_port_tells_both_sides_with_wall_times(autojump_clock: MockClock) -> None:
    told: list[Message] = []
    port = TalkingPort([(0.5, ASK), (0.51, REPLY[:4]), (0.52, REPLY[4:]), (1.5, NOISE), (2.0, ASK)])

    with trio.move_on_after(5):
        await overhear(LISTENED, told.append, lambda: 1000.0 + trio.current_time(), port.open)

    assert kinds(told) == [("request", 3), ("reply", 3), ("damaged", None), ("request", 3)]
    assert told[1].at == pytest.approx(1000.52)
    assert told[1].request == ASK[1:-2]
    assert port.sent == b""


async def test_an_adapter_that_is_pulled_out_ends_the_listening_with_its_words(autojump_clock: MockClock) -> None:
    port = TalkingPort([(0.5, ASK), (0.6, LinkDown("hung_up", "/dev/x is gone: was the adapter pulled out?"))])
    told: list[Message] = []

    with pytest.raises(LineLostError, match="was the adapter pulled out") as lost:
        await overhear(LISTENED, told.append, trio.current_time, port.open)

    assert not lost.value.busy
    assert kinds(told) == [("request", 3)]
    assert port.closed


def test_following_asks_for_what_is_new_and_counts_what_is_lost() -> None:
    asked: list[int] = []
    before = [{"number": 3, "time": 8.0, "direction": "sent", "data": ASK_FIVE.hex()}]
    answers = [
        {"records": before, "lost": 2},
        {"records": [{"number": 4, "time": 9.0, "direction": "sent", "data": ASK.hex()}], "lost": 0},
        {"records": [{"number": 9, "time": 9.1, "direction": "received", "data": REPLY.hex()}], "lost": 4},
    ]

    def call(after: int) -> dict[str, object]:
        asked.append(after)
        return answers.pop(0)

    following = Following(call, "rtu")

    told = [following.more() for _ in range(3)]

    assert [kinds(list(one)) for one in told] == [[], [("request", 3)], [("reply", 3)]]
    assert (asked, following.lost) == ([0, 3, 4], 4)


def test_wireshark_decodes_a_capture_without_settings(tmp_path: Path) -> None:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed: nothing here can say what Wireshark makes of a capture")
    reader, capture = reader_of("rtu"), Capture("boiler")
    told = reader.feed(1_790_000_000.25, ASK, sent=True)
    told += reader.feed(1_790_000_000.255, REPLY, sent=False)
    told += reader.feed(1_790_000_001.0, ASK_FIVE, sent=True)
    told += reader.feed(1_790_000_001.01, REFUSAL, sent=False)
    told += reader.feed(1_790_000_002.0, ASK, sent=True)
    told += reader.feed(1_790_000_002.01, NOISE, sent=False) + reader.flush()
    file = tmp_path / "boiler.pcapng"
    file.write_bytes(capture.header() + b"".join(capture.packet(one, describe(one)) for one in told))

    fields = ["frame.time_epoch", "mbtcp.unit_id", "modbus.func_code", "modbus.regnum16", "modbus.regval_uint16"]
    fields += ["modbus.exception_code", "frame.comment", "tcp.checksum.status", "ip.checksum.status"]
    done = subprocess.run(
        [tshark, "-r", str(file), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields"]
        + [word for field in fields for word in ("-e", field)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]

    assert [row[1:6] for row in rows] == [
        ["3", "4", "", "", ""],
        ["3", "4", "0,1", "17254,6554", ""],
        ["5", "3", "", "", ""],
        ["5", "3", "", "", "2"],
        ["3", "4", "", "", ""],
        ["", "", "", "", ""],
    ]
    assert rows[0][0].startswith("1790000000.25")
    assert rows[3][6].startswith("refused, exception 2")
    assert rows[5][6].startswith("3 bytes that make no frame")
    assert {tuple(row[7:9]) for row in rows[:5]} == {("1", "1")}
