import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated.bus import NetworkBus, SerialBus
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Spread, Window, WireFaults
from drivers.simulated.framing import AsciiFraming, Request, RtuFraming, TcpFraming
from drivers.simulated.stations import LineEvent, Stations
from drivers.simulated.wire import NEARLY, Chunking, NetworkWire, SerialWire, hand_over

RTU = RtuFraming()
READ_TEN = b"\x03\x00\x00\x00\x0a"


def frame(unit: int, pdu: bytes = READ_TEN) -> bytes:
    return RTU.encode(Request(unit, b""), unit, pdu)


def devices(*units: int) -> list[SimulatedDevice]:
    return [SimulatedDevice(u, holding={a: 100 * u + a for a in range(10)}, turnaround_s=0.002) for u in units]


def reply(unit: int) -> bytes:
    answer = devices(unit)[0].answer(READ_TEN, 0.0)
    assert answer is not None
    return frame(unit, answer)


def make_bus(
    *units: int,
    wire: SerialWire | None = None,
    faults: dict[int, DeviceFaults] | None = None,
    wire_faults: WireFaults | None = None,
    seed: int = 0,
) -> tuple[SerialBus, list[LineEvent]]:
    trace: list[LineEvent] = []
    stations = Stations(devices(*units), RTU, faults=faults, seed=seed, record=trace.append)
    return SerialBus(wire or SerialWire(), stations, faults=wire_faults, seed=seed), trace


def kinds(trace: list[LineEvent]) -> list[str]:
    return [event.kind for event in trace]


@pytest.mark.parametrize(
    ("wire", "bits", "gap_s"),
    [
        (SerialWire(9600), 10, 35 / 9600),
        (SerialWire(19200, parity="even"), 11, 38.5 / 19200),
        (SerialWire(19200, stopbits=2), 11, 38.5 / 19200),
        (SerialWire(38400, bytesize=7, parity="odd"), 10, 0.00175),
        (SerialWire(115200), 10, 0.00175),
    ],
)
def test_every_character_is_delivered_when_its_stop_bit_ends(wire: SerialWire, bits: int, gap_s: float) -> None:
    bus, _ = make_bus(1, wire=wire)
    bus.send(frame(1), 5.0)
    character_s = bits / wire.baudrate
    begins = 5.0 + 8 * character_s + gap_s + 0.002
    expected = [(begins + (i + 1) * character_s, bytes((byte,))) for i, byte in enumerate(reply(1))]
    pending = bus.pending()
    assert [data for _, data in pending] == [data for _, data in expected]
    assert [at for at, _ in pending] == pytest.approx([at for at, _ in expected])
    assert bus.busy_s == pytest.approx((8 + 25) * character_s)


@given(st.lists(st.floats(0, 0.06), max_size=30))
@settings(max_examples=60)
def test_however_one_looks_every_character_comes_once_and_in_time(looks: list[float]) -> None:
    bus, _ = make_bus(1)
    bus.send(frame(1), 0.0)
    schedule = bus.pending()
    seen = b""
    for look in sorted(looks):
        seen += bus.take(look)
        # What is nearly there may be taken as there; and moments are sums of many rounded durations.
        early_s = NEARLY * SerialWire().character_s
        surely, perhaps = (sum(at <= look + margin for at, _ in schedule) for margin in (-1e-8, early_s + 1e-8))
        assert surely <= len(seen) <= perhaps
    assert seen + bus.take(1.0) == reply(1)
    assert bus.next_at() == math.inf


def test_an_adapter_with_a_latency_timer_hands_over_packets() -> None:
    wire = SerialWire(115200, chunking=Chunking(62, 0.016))
    bus, _ = make_bus(1, wire=wire)
    bus.send(frame(1), 0.0)
    assert bus.pending() == [(0.016, reply(1))]
    deliveries = list(hand_over(0.001, bytes(100), 0.0001, Chunking(62, 0.016)))
    assert [(round(d.at, 6), len(d.data)) for d in deliveries] == [(0.0071, 62), (0.016, 38)]


def test_a_request_too_soon_after_a_reply_is_counted() -> None:
    wire = SerialWire()
    for pause_s, violations in [(wire.gap_s, 0), (wire.gap_s * 0.9, 1)]:
        bus, trace = make_bus(1, 2)
        bus.send(frame(1), 0.0)
        end = bus.pending()[-1][0]
        bus.send(frame(2), end + pause_s)
        assert kinds(trace).count("gap_violation") == violations
        assert bus.take(1.0) == reply(1) + reply(2)


def test_a_request_right_after_a_reply_is_taken_for_its_end() -> None:
    bus, trace = make_bus(1, 2)
    bus.send(frame(1), 0.0)
    end = bus.pending()[-1][0]
    bus.send(frame(2), end + 0.5 * SerialWire().character_s)
    assert bus.take(1.0) == reply(1)
    assert kinds(trace) == ["request", "reply", "gap_violation", "merged"]


def test_a_frame_sent_in_two_pieces_is_one_frame() -> None:
    bus, trace = make_bus(1)
    bus.send(frame(1)[:3], 0.0)
    bus.send(frame(1)[3:], 0.001)
    whole, _ = make_bus(1)
    whole.send(frame(1), 0.0)
    assert [at for at, _ in bus.pending()] == pytest.approx([at for at, _ in whole.pending()])
    assert bus.take(1.0) == whole.take(1.0) == reply(1)
    assert bus.busy_s == pytest.approx(whole.busy_s)
    assert "gap_violation" not in kinds(trace)


def test_two_requests_without_a_pause_are_heard_by_nobody() -> None:
    bus, trace = make_bus(1, 2)
    bus.send(frame(1), 0.0)
    bus.send(frame(2), 0.0)
    assert bus.take(1.0) == b""
    assert kinds(trace)[-2:] == ["gap_violation", "unheard"]


def test_talking_into_an_answer_spoils_both() -> None:
    bus, trace = make_bus(1, 2)
    bus.send(frame(1), 0.0)
    middle = bus.pending()[10][0]
    bus.send(frame(2), middle)
    heard = bus.take(1.0)
    assert len(heard) == 25
    assert heard != reply(1)
    assert "collision" in kinds(trace)
    assert ("request", 2) not in [(event.kind, event.unit) for event in trace]


def test_a_late_answer_arrives_after_the_next_request_and_can_collide() -> None:
    late = DeviceFaults(late=1.0, late_by=Spread(0.1, 0.1))
    bus, trace = make_bus(1, 2, faults={1: late})
    bus.send(frame(1), 0.0)
    bus.send(frame(2), 0.05)  # answered, and over, before the late one begins
    assert bus.take(1.0) == reply(2) + reply(1)
    bus.send(frame(1), 2.0)
    bus.send(frame(2), 2.098)  # its answer meets the late one
    assert bus.take(3.0) != reply(1) + reply(2)
    assert kinds(trace).count("collision") == 2


def test_a_broadcast_is_served_by_all_and_answered_by_none() -> None:
    bus, _ = make_bus(1, 2)
    bus.send(frame(0, b"\x06\x00\x00\x12\x34"), 0.0)
    assert bus.take(1.0) == b""
    assert [d.get("holding", 0) for d in bus._stations.devices.values()] == [0x1234, 0x1234]


def test_an_unknown_unit_is_silence() -> None:
    bus, trace = make_bus(1)
    bus.send(frame(9), 0.0)
    assert bus.take(1.0) == b""
    assert kinds(trace) == ["no_such_unit"]


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        (DeviceFaults(silent=True), "silent"),
        (DeviceFaults(silent_in=(Window(0.0, 5.0),)), "silent"),
        (DeviceFaults(lost=1.0), "lost"),
    ],
)
def test_faults_that_give_nothing(faults: DeviceFaults, kind: str) -> None:
    bus, trace = make_bus(1, faults={1: faults})
    bus.send(frame(1), 0.0)
    assert bus.take(4.0) == b""
    assert kind in kinds(trace)


def test_a_silent_window_ends() -> None:
    bus, _ = make_bus(1, faults={1: DeviceFaults(silent_in=(Window(0.0, 5.0),))})
    bus.send(frame(1), 5.0)
    assert bus.take(6.0) == reply(1)


def test_a_lost_answer_was_served() -> None:
    bus, _ = make_bus(1, faults={1: DeviceFaults(lost=1.0)})
    bus.send(frame(1, b"\x06\x00\x00\x12\x34"), 0.0)
    assert bus._stations.devices[1].get("holding", 0) == 0x1234


def test_faults_that_change_the_answer() -> None:
    good = reply(1)
    answers = {}
    for name in (
        "corrupt",
        "truncated",
        "wrong_unit",
        "wrong_function",
        "duplicate",
        "noise_before",
        "noise_after",
        "busy",
    ):
        bus, trace = make_bus(1, faults={1: msgspec.convert({name: 1.0}, DeviceFaults)})
        bus.send(frame(1), 0.0)
        answers[name] = bus.take(1.0)
        assert name in kinds(trace)
    assert sum(a != b for a, b in zip(answers["corrupt"], good, strict=True)) == 1
    assert answers["truncated"] == good[: len(answers["truncated"])]
    assert 1 <= len(answers["truncated"]) < len(good)
    wrong_unit = RTU.decode(answers["wrong_unit"])
    assert wrong_unit is not None
    assert wrong_unit.unit == 2
    wrong_function = RTU.decode(answers["wrong_function"])
    assert wrong_function is not None
    assert wrong_function.pdu[0] == 4
    assert answers["duplicate"] == good + good
    assert answers["noise_before"].endswith(good)
    assert answers["noise_before"] != good
    assert answers["noise_after"].startswith(good)
    assert answers["noise_after"] != good
    assert answers["busy"] == frame(1, b"\x83\x06")


def test_the_same_seed_is_the_same_day() -> None:
    def day(seed: int, *units: int) -> tuple[list[bytes], list[LineEvent]]:
        faults = DeviceFaults(corrupt=0.2, lost=0.1, late=0.1, truncated=0.1, jitter=Spread(0, 0.01, tail=0.002))
        bus, trace = make_bus(*units, faults={1: faults}, seed=seed)
        heard = []
        for i in range(200):
            bus.send(frame(1), i * 3.0)
            heard.append(bus.take(i * 3.0 + 2.9))
        return heard, trace

    assert day(1, 1) == day(1, 1)
    assert day(1, 1) != day(2, 1)
    assert day(1, 1) == day(1, 1, 2)  # another device does not change this one's luck


def test_echo_is_heard_as_it_is_sent() -> None:
    bus, _ = make_bus(1, faults={}, wire_faults=WireFaults(echo=True))
    bus.send(frame(1), 0.0)
    assert bus.take(8 * SerialWire().character_s) == frame(1)
    assert bus.take(1.0) == reply(1)


def test_noise_comes_without_being_asked() -> None:
    bus, trace = make_bus(1, wire_faults=WireFaults(noise_every_s=10.0, noise_bytes=4))
    heard = b""
    while (at := bus.next_at()) < 1000.0:
        heard += bus.take(at)
    assert 60 < kinds(trace).count("noise") < 150
    assert len(heard) >= kinds(trace).count("noise") - 1
    bus.clear(5000.0)
    assert bus.take(5000.0) == b""


def test_ascii_is_framed_by_its_characters_and_knows_no_gap() -> None:
    trace: list[LineEvent] = []
    stations = Stations(devices(1), AsciiFraming(), record=trace.append)
    wire = SerialWire(9600, bytesize=7, parity="even")
    bus = SerialBus(wire, stations)
    request = AsciiFraming().encode(Request(1, b""), 1, READ_TEN)
    bus.send(request[:4], 0.0)
    bus.send(request[4:], 0.5)
    begins = 0.5 + len(request[4:]) * wire.character_s + 0.002
    answer = devices(1)[0].answer(READ_TEN, 0.0)
    assert answer is not None
    assert bus.pending()[0][0] == pytest.approx(begins + wire.character_s)
    assert bus.take(2.0) == AsciiFraming().encode(Request(1, b""), 1, answer)
    assert kinds(trace) == ["request", "reply"]


def mbap(unit: int, transaction: int) -> bytes:
    return TcpFraming().encode(Request(unit, b"", transaction), unit, READ_TEN)


def test_a_network_serves_pipelined_requests_in_order() -> None:
    trace: list[LineEvent] = []
    bus = NetworkBus(NetworkWire(0.001), Stations(devices(1, 2), TcpFraming(), record=trace.append))
    bus.send(mbap(1, 7) + mbap(2, 8)[:5], 0.0)
    bus.send(mbap(2, 8)[5:], 0.0)
    came: list[tuple[float, bytes]] = []
    while (at := bus.next_at()) < math.inf:
        came += [(round(at, 6), answer) for answer in [bus.take(at)] if answer]
    assert [(at, answer[:2]) for at, answer in came] == [(0.004, b"\x00\x07"), (0.006, b"\x00\x08")]


def test_a_write_that_waits_behind_a_late_answer_is_lost_with_the_connection() -> None:
    faults = {1: DeviceFaults(late=1.0, late_by=Spread(0.5, 0.5))}
    units = devices(1, 2)
    bus = NetworkBus(NetworkWire(0.001), Stations(units, RTU, faults=faults))
    bus.send(frame(1), 0.0)
    bus.send(frame(2, bytes.fromhex("06 0003 1234")), 0.01)
    assert bus.take(0.4) == b""
    assert units[1].get("holding", 3) == 203
    bus.clear(0.4)
    bus.send(frame(2), 0.5)
    assert bus.take(1.0) == reply(2)


def test_a_gateway_answers_for_a_unit_that_is_not_there() -> None:
    bus = NetworkBus(NetworkWire(0.0), Stations(devices(1), TcpFraming()))
    bus.send(mbap(9, 0), 0.0)
    assert bus.take(0.0) == bytes.fromhex("0000 0000 0003 09 83 0b")


def test_rtu_over_tcp_recovers_from_an_unfinished_frame() -> None:
    bus = NetworkBus(NetworkWire(0.0), Stations(devices(1), RTU))
    bus.send(frame(1)[:5], 0.0)
    bus.send(frame(1), 1.0)
    assert bus.take(2.0) == reply(1)


def test_two_devices_cannot_share_a_unit() -> None:
    with pytest.raises(ValueError, match="unit 1"):
        Stations(devices(1, 1), RTU)


@pytest.mark.parametrize("start", [0.0, 8.0, 15.1238, 12345.678])
def test_who_speaks_right_after_an_answer_collides_with_nobody(start: float) -> None:
    trace: list[LineEvent] = []
    wire = SerialWire(19200, bytesize=7, parity="even")
    bus = SerialBus(wire, Stations(devices(1), AsciiFraming(), record=trace.append))
    request = AsciiFraming().encode(Request(1, b""), 1, READ_TEN)
    now = start
    for _ in range(50):
        bus.send(request, now)
        now = bus.pending()[-1][0] - 5e-4 * wire.character_s
        assert bus.take(now).endswith(b"\r\n"), "a character that is nearly there is there"
    assert "collision" not in kinds(trace)


def test_a_gateway_serves_nobody_while_it_waits_for_a_dead_unit() -> None:
    stations = Stations(devices(1, 2), TcpFraming(), faults={2: DeviceFaults(silent=True)})
    bus = NetworkBus(NetworkWire(0.0, gives_up_s=1.0), stations)
    bus.send(bytes.fromhex("0001 0000 0006 02 03 0000 0001"), 0.0)
    bus.send(bytes.fromhex("0002 0000 0006 01 03 0000 0001"), 0.1)
    assert bus.take(0.99) == b""
    assert bus.take(1.0) == bytes.fromhex("0001 0000 0003 02 83 0b")
    assert bus.take(1.5)[:2] == b"\0\2"
