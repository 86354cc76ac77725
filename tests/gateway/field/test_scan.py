"""Looking for devices on a wire, on virtual time."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from drivers.modbus.crc import crc16
from drivers.ports.port import LinkDown, Port
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Spread, WireFaults
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.wire import NetworkWire, Parity, SerialWire
from gateway.field.scan import estimate, scan
from gateway.field.scan_bus import LineLostError
from gateway.field.scan_found import Scan, advice, verdict
from gateway.field.scan_site import PortSite, candidates
from gateway.field.scan_skeleton import skeleton
from gateway.settings.line_model import LineSettings
from gateway.settings.load import load
from tests.gateway.field.talking_port import TalkingPort, every

LINE = LineSettings(name="bus", transport="rtu", port="/dev/serial/by-id/usb-adapter")
RATES = (9600, 19200)
METER = {"identity": {0: "Works", 1: "EM-3"}}


def site_of(
    devices: list[SimulatedDevice],
    faults: Mapping[int, DeviceFaults] | None = None,
    wire_faults: WireFaults | None = None,
    *,
    baudrate: int = 19200,
    parity: Parity = "even",
    rates: tuple[int, ...] = RATES,
) -> PortSite:
    """A port behind which devices answer at one rate and parity only."""

    async def open_port(line: LineSettings) -> Port:
        right = (line.baudrate, line.parity) == (baudrate, parity)
        wire = SerialWire(line.baudrate, 8, line.parity, line.stopbits)
        return await MemoryLine(devices if right else [], wire, faults if right else {}, wire_faults=wire_faults).open()

    settings = [one for one in candidates(LINE) if one.baudrate in rates and one.parity != "odd"]
    return PortSite(settings, open_port)


def device(unit: int, **more: object) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={0: 7}, **more)  # type: ignore[arg-type]


async def run(site: PortSite, **options: object) -> Scan:
    result = Scan()
    await scan(site, result, **options)  # type: ignore[arg-type]
    return result


async def test_units_are_found_at_the_rate_and_parity_they_have(autojump_clock: MockClock) -> None:
    result = await run(site_of([device(3, **METER), device(60)]), units=range(1, 80))

    assert [(one.unit, one.line.baudrate, one.line.parity) for one in result.found] == [
        (3, 19200, "even"),
        (60, 19200, "even"),
    ]
    assert result.found[0].identity == {"vendor": "Works", "product": "EM-3"}
    assert [verdict(one) for one in result.found] == [[], []]
    assert result.complete


async def test_a_refusal_is_an_answer(autojump_clock: MockClock) -> None:
    result = await run(site_of([SimulatedDevice(9, coil={0: 1})]), units=range(1, 17))

    assert [(one.unit, one.refused, one.answered) for one in result.found] == [(9, 6, 6)]


async def test_damaged_answers_are_a_unit_on_a_bad_line(autojump_clock: MockClock) -> None:
    result = await run(site_of([device(4), device(5)], {5: DeviceFaults(corrupt=1.0)}), units=range(1, 17))

    [well, bad] = result.found
    assert (well.unit, verdict(well)) == (4, [])
    assert (bad.unit, bad.answered) == (5, 0)
    assert "never whole" in verdict(bad)[0]
    assert "two devices with number 5" in verdict(bad)[0]


@pytest.mark.parametrize(("later", "words"), [(0.05, "answers come twice"), (0.001, "two devices with number 5")])
async def test_two_devices_with_one_number_are_told(autojump_clock: MockClock, later: float, words: str) -> None:
    twin = DeviceFaults(twin=Spread(later, later))

    result = await run(site_of([device(4), device(5)], {5: twin}), units=range(1, 17))

    told = {one.unit: " ".join(verdict(one)) for one in result.found}
    assert told[4] == ""
    assert words in told[5]


@pytest.mark.parametrize("units", [range(1, 30), range(1, 4), range(1, 3)])
async def test_swapped_wires_are_told_and_no_unit_is_made_up(autojump_clock: MockClock, units: range) -> None:
    result = await run(site_of([device(1)], wire_faults=WireFaults(swapped=True)), units=units)

    assert result.found == []
    assert "A and B may be swapped" in " ".join(advice(result))


async def test_silence_names_the_cures_in_their_order(autojump_clock: MockClock) -> None:
    result = await run(site_of([]), units=range(1, 5))

    assert advice(result)[0].startswith("nobody answers. In this order: power of the devices; A and B")
    assert "Modbus ASCII (--ascii)" in advice(result)[0]


async def test_an_echo_is_noticed_and_does_not_hide_devices(autojump_clock: MockClock) -> None:
    result = await run(site_of([device(2)], wire_faults=WireFaults(echo=True)), units=range(1, 17))

    assert result.echo
    assert [(one.unit, one.answered, one.damaged) for one in result.found] == [(2, 6, 0)]
    assert "echo = true" in skeleton(result, "bus")


async def test_a_slow_device_is_found_by_the_answer_that_came_too_late(autojump_clock: MockClock) -> None:
    result = await run(site_of([device(6, turnaround_s=0.35)]), units=range(1, 17))

    assert [(one.unit, one.answered > 0) for one in result.found] == [(6, True)]


async def test_other_rates_are_tried_on_request_only(autojump_clock: MockClock) -> None:
    site = site_of([device(2)], baudrate=9600, parity="none")

    first = await run(site, units=range(1, 17))
    every = await run(site, units=range(1, 17), every=True)

    assert len(first.tried) == 1
    assert len(every.tried) == 4
    assert [one.unit for one in every.found] == [2]


async def test_what_was_found_is_kept_when_the_scan_is_broken_off(autojump_clock: MockClock) -> None:
    result = Scan()
    site = site_of([device(2)], baudrate=9600, parity="none")

    with trio.move_on_after(10.0):
        await scan(site, result, units=range(1, 248))

    assert [one.unit for one in result.found] == [2]
    assert not result.complete


async def test_the_estimate_holds_when_nobody_answers(autojump_clock: MockClock) -> None:
    site = site_of([])
    shares: list[tuple[float, float]] = []

    await scan(site, Scan(), units=range(1, 17), progress=lambda done, left, _words: shares.append((done, left)))

    promised = estimate(site.settings, 16, 0.2, listening=3.0)
    assert trio.current_time() == pytest.approx(promised, rel=0.02)
    assert [share for share, _ in shares] == sorted(share for share, _ in shares)
    assert shares[0][0] == 0.0
    assert shares[0][1] == pytest.approx(promised)


def foreign(rate: int) -> tuple[list[TalkingPort], Callable[[LineSettings], Awaitable[Port]]]:
    """Somebody else asks here, at this rate."""
    body = bytes((17, 3, 0, 0, 0, 2))
    request = body + crc16(body).to_bytes(2, "little")
    opened: list[TalkingPort] = []

    async def open_port(line: LineSettings) -> Port:
        opened.append(TalkingPort(every(0.4, request if line.baudrate == rate else b"\xf8\x00\xe1\x03")))
        return await opened[-1].open(line)

    return opened, open_port


@pytest.mark.parametrize(
    ("rate", "words"),
    [(9600, "at 9600 8N2, with unit 17"), (19200, "at 19200 8N2, with unit 17"), (300, "makes sense at no rate")],
)
async def test_another_master_is_named_and_not_disturbed(autojump_clock: MockClock, rate: int, words: str) -> None:
    opened, open_port = foreign(rate)

    result = await run(PortSite([one for one in candidates(LINE, parity="none") if one.baudrate in RATES], open_port))

    assert result.foreign_master
    assert words in advice(result)[0]
    assert all(port.sent == b"" for port in opened)


async def test_listening_for_the_rate_of_another_master_is_shown(autojump_clock: MockClock) -> None:
    _, open_port = foreign(RATES[-1])
    shown: list[tuple[float, str]] = []
    sites = [one for one in candidates(LINE, parity="none") if one.baudrate in RATES]

    await scan(
        PortSite(sites, open_port),
        Scan(),
        listening=3.0,
        progress=lambda _done, left, words: shown.append((left, words)),
    )

    assert shown[-1] == (3.0, "another master talks, listening at 19200 8N2")


async def test_a_port_in_other_hands_is_told_as_such(autojump_clock: MockClock) -> None:
    async def open_port(_: LineSettings) -> Port:
        raise LinkDown("busy", "/dev/x is in use by another program")

    with pytest.raises(LineLostError, match="in use by another program") as lost:
        await run(PortSite([LINE], open_port))

    assert lost.value.busy


async def test_a_server_that_looks_at_no_number_is_one_device(autojump_clock: MockClock) -> None:
    line = LineSettings(name="plc", transport="tcp", host="192.168.1.9", tcp_port=502)
    devices = [device(unit) for unit in range(1, 30)]

    async def open_port(_: LineSettings) -> Port:
        return await MemoryLine(devices, NetworkWire()).open()

    result = await run(PortSite([line], open_port), units=range(1, 248))

    assert result.one_device
    assert "one device behind this address" in advice(result)[0]


async def test_units_behind_a_gateway_without_a_path_are_not_there(autojump_clock: MockClock) -> None:
    line = LineSettings(name="plc", transport="tcp", host="192.168.1.9", tcp_port=502)

    async def open_port(_: LineSettings) -> Port:
        return await MemoryLine([device(7)], NetworkWire()).open()

    result = await run(PortSite([line], open_port), units=range(1, 20))

    assert [one.unit for one in result.found] == [7]


async def test_silence_on_a_network_does_not_speak_of_wires_first(autojump_clock: MockClock) -> None:
    line = LineSettings(name="plc", transport="tcp", host="192.168.1.9", tcp_port=502)

    async def open_port(_: LineSettings) -> Port:
        return await MemoryLine([], NetworkWire()).open()

    result = await run(PortSite([line], open_port), units=[1])

    assert advice(result)[0].startswith("nobody answers. In this order: is it another protocol")


@pytest.mark.parametrize(("port", "listens"), [("/dev/ttyUSB0", True), (None, False)])
def test_only_a_port_is_listened_on_so_nothing_else_is_promised(port: str | None, *, listens: bool) -> None:
    line = LineSettings(name="x", transport="rtu" if port else "tcp", port=port, host=None if port else "192.168.1.9")

    assert PortSite([line]).listens is listens


async def test_the_skeleton_is_taken_by_check(autojump_clock: MockClock, tmp_path: Path) -> None:
    result = await run(site_of([device(3, **METER), device(5)], {5: DeviceFaults(corrupt=1.0)}), units=range(1, 17))
    file = tmp_path / "found.toml"
    file.write_text(skeleton(result, "bus"))

    [line] = load(file).lines

    assert (line.baudrate, line.parity, line.stopbits) == (19200, "even", 1)
    assert [(one.name, one.unit, [tag.name for tag in one.tags]) for one in line.devices] == [
        ("EM-3-3", 3, ["holding_0"])
    ]


async def test_nothing_found_is_nothing_to_write(autojump_clock: MockClock) -> None:
    result = await run(site_of([]), units=[1])

    with pytest.raises(ValueError, match="nothing to write"):
        skeleton(result, "bus")
