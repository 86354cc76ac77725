from __future__ import annotations

from dataclasses import replace

from gateway.core.steering import DeviceGlance, FieldGlance, LineGlance
from gateway.governor.analysis.finding import Finding, Report
from gateway.governor.analysis.network import examine_network

LINE = LineGlance("bus", modbus=True, state="up", utilisation=0.4)


def device(name: str, **changes: object) -> DeviceGlance:
    before = DeviceGlance(
        "bus", f"bus/{name}", 5, "online", since=500.0, latency=0.01, requests=1000, answers=1000, tags=4, good=4
    )
    return replace(before, **changes)  # type: ignore[arg-type]


def examined(*devices: DeviceGlance, line: LineGlance = LINE, before: tuple[DeviceGlance, ...] = ()) -> Report:
    first = FieldGlance(0.0, (replace(line, missed=0),), before or devices)
    return examine_network(first, FieldGlance(10.0, (line,), devices))


def kinds(report: Report) -> list[str]:
    return [finding.kind for finding in report.findings]


def only(report: Report) -> Finding:
    (finding,) = report.findings
    return finding


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    report = examined(device("a"), device("b"))
    assert (kinds(report), report.patterns, report.measured) == ([], (), 1.0)


def test_a_silent_device_is_found_with_its_unit_and_what_to_check() -> None:
    finding = only(examined(device("a"), device("gone", state="silent", unit=9, good=0)))
    assert (finding.kind, finding.component) == ("silent-device", "device:bus/gone")
    assert "unit 9" in finding.summary
    assert "power, wiring, unit number 9" in finding.recommendation


def test_a_device_that_never_answered_sends_the_technician_to_the_scan() -> None:
    finding = only(examined(device("a"), device("gone", state="silent", answers=0)))
    # A reload may have started the line anew, and its counters with it.
    assert "never did since its line was started" in finding.summary
    assert "ferrule scan bus" in finding.recommendation


def test_a_line_on_which_all_are_silent_is_critical() -> None:
    report = examined(device("a", state="silent", since=40.0), device("b", state="silent", since=41.0))
    assert kinds(report)[0] == "silent-line"
    assert report.findings[0].severity == "critical"
    (pattern,) = report.patterns
    assert "bus/a, bus/b fell silent at the same moment" in pattern


def test_a_line_that_is_down_hides_its_devices() -> None:
    finding = only(examined(device("a", state="unknown"), line=replace(LINE, state="down", reason="unplugged")))
    assert finding.kind == "line-down"
    assert "unplugged" in finding.summary


def test_a_network_that_is_down_sends_nobody_to_an_adapter() -> None:
    line = replace(LINE, state="down", reason="unreachable", network=True, place="10.0.0.5:502")
    finding = only(examined(device("a", state="unknown"), line=line))
    assert "10.0.0.5:502, unreachable" in finding.summary
    assert "switch" in finding.recommendation
    assert "adapter" not in finding.recommendation


def test_a_parked_line_asks_for_a_report() -> None:
    assert "ferrule report" in only(examined(line=replace(LINE, state="parked", falls=4))).recommendation


def test_a_lent_line_is_no_fault() -> None:
    finding = only(examined(device("a", state="silent"), line=replace(LINE, lent=True)))
    assert (finding.kind, finding.severity) == ("lent-line", "info")


def test_an_overloaded_line_is_found_by_what_it_misses_now() -> None:
    busy = replace(LINE, utilisation=0.97, missed=12)
    assert only(examined(device("a"), line=busy)).kind == "overloaded-line"
    assert kinds(examined(device("a"), line=replace(busy, missed=0))) == []


def test_errors_are_found_with_where_to_look() -> None:
    noisy = device("a", errors={"crc": 60, "timeout": 2}, advice=("60 x bytes arrive broken: wiring",))
    report = examined(noisy, device("b"), device("c"))
    finding = only(report)
    assert finding.kind == "errors"
    assert "wiring" in finding.recommendation
    assert report.patterns == ("only bus/a has damaged answers on bus: look at its own plug and branch of the cable",)


def test_damage_everywhere_is_the_line_and_not_the_devices() -> None:
    report = examined(device("a", errors={"crc": 60}), device("b", errors={"crc": 50, "short": 9}))
    assert "it is the line and not the devices" in report.patterns[0]


def test_a_device_that_holds_the_others_up_is_found() -> None:
    slow = device("slow", latency=0.4, answers=1000)
    report = examined(slow, device("b"), device("c"), before=(replace(slow, answers=990), device("b"), device("c")))
    finding = only(report)
    assert finding.kind == "slow-device"
    assert finding.evidence["share"] == 0.4


def test_refusals_cuts_and_tags_that_are_not_good() -> None:
    report = examined(device("a", refusals={"illegal_address": 7}, good=2), line=replace(LINE, splits=2))
    assert sorted(kinds(report)) == ["cut-blocks", "refusals", "tags-not-good"]


def test_one_is_told_of_as_one() -> None:
    report = examined(device("a", refusals={"illegal_address": 1}, good=3), line=replace(LINE, splits=1))
    assert {finding.kind: finding.summary for finding in report.findings} == {
        "cut-blocks": "1 block of bus is read in pieces, since the device refused an address in it",
        "refusals": "bus/a refused 1 request, with illegal address",
        "tags-not-good": "bus/a answers, but 1 of its 4 tags is not good",
    }
    assert "2 blocks of bus are read" in only(examined(device("a"), line=replace(LINE, splits=2))).summary


def test_little_that_was_measured_makes_little_confidence() -> None:
    assert examined(device("a"), device("b", requests=3)).measured == 0.5
    assert examined().measured == 1.0
