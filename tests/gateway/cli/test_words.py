"""What people type: tags, values, times, registers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.cli.client import Json, refusal
from gateway.cli.endpoint import listening
from gateway.cli.history import course, moment_of
from gateway.cli.main import CommandError, main, parser_of
from gateway.cli.status import by_severity, say_governors, worst
from gateway.cli.tags import chosen
from gateway.cli.troubles import at_this_moment, ordered, told_by_alarms
from gateway.cli.write import value_of
from gateway.lines.door import LONGEST_LEASE_S, SHORTEST_LEASE_S

SOUND: Json = {"storage": {"durable": True, "history": "full"}}
LINES: list[Json] = [{"line": name, "state": "up"} for name in ("bus", "net", "tcp")]
ROWS = {name: {"tag": name} for name in ("bus/meter/voltage", "bus/meter/power", "bus/meter2/power", "text/line")}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], list(ROWS)),
        (["bus/meter/power"], ["bus/meter/power"]),
        (["bus/meter"], ["bus/meter/voltage", "bus/meter/power"]),
        (["bus/"], ["bus/meter/voltage", "bus/meter/power", "bus/meter2/power"]),
        (["*/power", "bus/meter/power"], ["bus/meter/power", "bus/meter2/power"]),
    ],
)
def test_tags_are_chosen_by_name_pattern_device_or_line(words: list[str], wanted: list[str]) -> None:
    assert [row["tag"] for row in chosen(ROWS, words)] == wanted


@pytest.mark.parametrize("word", ["bus/meter/volage", "nothing/*"])
def test_a_word_that_means_no_tag_is_refused(word: str) -> None:
    with pytest.raises(CommandError, match="no tag is called") as refusal:
        chosen(ROWS, [word])
    assert refusal.value.code == 2


def test_the_tag_that_was_meant_is_named() -> None:
    with pytest.raises(CommandError, match='Did you mean "bus/meter/voltage"'):
        chosen(ROWS, ["bus/meter/volage"])


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("on", "bool", True),
        ("FALSE", "bool", False),
        ("42", "uint16", 42),
        ("-1.5", "float32", -1.5),
        ("7", "string", "7"),
    ],
)
def test_values_are_read_by_the_type_of_their_tag(text: str, type_: str, value: object) -> None:
    found = value_of(text, type_)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "type_", "cure"),
    [("maybe", "bool", "on or off"), ("2,5", "int16", "write 2.5"), ("nan", "float32", "no number")],
)
def test_a_value_that_cannot_be_one_is_refused(text: str, type_: str, cure: str) -> None:
    with pytest.raises(CommandError, match=cure):
        value_of(text, type_)


def test_times_are_so_long_ago_or_absolute() -> None:
    assert moment_of("1h", 10_000.0) == 6400.0
    assert moment_of("1970-01-01T01:00:00+01:00", 0.0) == 0.0
    with pytest.raises(CommandError, match="how long ago"):
        moment_of("yesterday", 0.0)


def test_a_course_holds_each_value_until_the_next_and_keeps_gaps() -> None:
    samples: list[Json] = [
        {"timestamp": "1970-01-01T00:00:02Z", "value": 1.0},
        {"timestamp": "1970-01-01T00:00:04Z", "value": None},
        {"timestamp": "1970-01-01T00:00:06Z", "value": 3.0},
    ]
    assert course(samples, 0, 8, 8) == [None, 1, 1, None, None, 3, 3, 3]


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["--line", "bus"], "registers need --line, --unit"),
        (["--line", "bus", "--unit", "1", "--modicon", "40001", "--address", "0"], "either --table with --address or"),
        (["--line", "bus", "--unit", "1", "--modicon", "4001"], "such as 40108"),
    ],
)
def test_registers_are_named_completely(
    words: list[str], cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["write", "--state", str(tmp_path), *words, "1"]) == 2
    assert cure in capsys.readouterr().err


def test_a_pause_in_front_of_tags_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["read", "--watch", "bus/*"])
    assert end.value.code == 2
    assert "put the tags in front of --watch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "cure"),
    [
        ([], 6, "systemctl start ferrule"),
        (["--url", "https://127.0.0.1"], 2, "--url needs --ca FILE"),
        (["--url", "https://127.0.0.1", "--ca", "ca.pem"], 2, "--url needs a token"),
        (["--url", "http://127.0.0.1", "--ca", "ca.pem", "--token", "x"], 2, "write it as https://"),
        (["--url", "https://127.0.0.1", "--ca", "absent.pem", "--token", "x"], 2, "Copy ca.pem"),
    ],
)
def test_what_is_missing_to_reach_a_gateway_is_said(
    words: list[str], code: int, cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--state", str(tmp_path), *words]) == code
    assert cure in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ({"code": -32004, "data": {"reason": "too fast", "retryAfter": 7}}, 7, "try again in 7 s"),
        (
            {"code": -32002, "data": {"reason": "r", "requiredScope": "devices:write"}},
            7,
            'token --scope "devices:write"',
        ),
        ({"code": -32001, "data": {"reason": "expired", "serverTime": "2026"}}, 7, "the gateway's time is 2026"),
        ({"code": -32602, "data": {"reason": "is required", "field": "unit"}}, 2, "unit: is required"),
        ({"code": -32602, "data": {"reason": "there is no tag x", "field": "tags"}}, 2, "there is no tag x"),
        (
            {
                "code": -32602,
                "data": {"reason": "no such line; line.list names them all", "field": "line", "provided": "boilr"},
            },
            2,
            'line "boilr": no such line; ferrule status names them all',
        ),
        ({"code": -32601, "data": {"method": "tag.write"}}, 1, "another version"),
        ({"code": -32007, "data": {"reason": "busy"}}, 1, "busy; try again in 1 s"),
        ({"code": -32603, "message": "Internal error", "data": {"errorId": "ab12"}}, 1, "its log has more under ab12"),
        ({"code": 17, "message": "odd"}, 1, "odd"),
    ],
)
def test_a_refusal_of_the_gateway_is_said_in_words(error: Json, code: int, words: str) -> None:
    found = refusal(error, "https://gateway")
    assert (found.code, found.sent) == (code, False)
    assert words in str(found)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_a_timeout_is_a_number_of_seconds(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["status", "--timeout", seconds])
    assert end.value.code == 2
    assert "is no number of seconds" in capsys.readouterr().err


@pytest.mark.parametrize(("lease", "seconds"), [("60", 60), ("90s", 90), ("1h", 3600), ("1d", LONGEST_LEASE_S)])
def test_a_lease_is_typed_in_seconds_or_as_a_duration(lease: str, seconds: float) -> None:
    assert parser_of("write")[0].parse_args(["bus/d/t", "1", "--lease", lease]).lease == seconds


@pytest.mark.parametrize("lease", ["0.5", "90000", "2d", "inf", "nan", "soon", "1x", ""])
def test_a_lease_that_the_gateway_would_not_take_is_told_its_bounds(
    lease: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["write", "bus/d/t", "1", "--lease", lease])
    assert end.value.code == 2
    told = f"seconds from {SHORTEST_LEASE_S:g} to {LONGEST_LEASE_S:g}, nor a duration within that, such as 30s"
    assert told in capsys.readouterr().err


def test_listeners_of_a_process_are_read_from_the_kernel_tables(tmp_path: Path) -> None:
    (tmp_path / "fd").mkdir()
    for number, target in enumerate(["socket:[11]", "socket:[12]", "/dev/null", "socket:[13]"]):
        (tmp_path / "fd" / str(number)).symlink_to(target)
    (tmp_path / "net").mkdir()
    local, lan = (127, 0, 0, 1), (192, 168, 1, 10)
    rows = [(lan, "0A", 11), (local, "0A", 12), (local, "01", 13), (local, "0A", 99)]
    table = ["  sl  local_address rem_address   st"]
    for address, state, inode in rows:
        place = f"{int.from_bytes(bytes(address), sys.byteorder):08X}:0DAC"
        table.append(f"   0: {place} 00000000:0000 {state} 0:0 0:0 0 0 0 {inode} 1")
    (tmp_path / "net" / "tcp").write_text("\n".join(table) + "\n")
    assert listening(tmp_path) == [("127.0.0.1", 3500), ("192.168.1.10", 3500)]


def test_the_worst_readings_come_first() -> None:
    readings = [
        {"tag": "a", "quality": "good", "age": 1},
        {"tag": "b", "quality": "uncertain", "age": 900},
        {"tag": "c", "quality": "bad", "age": 1},
        {"tag": "d", "quality": "bad", "age": 50},
    ]
    assert [one["tag"] for one in worst(readings)] == ["d", "c", "b"]


def test_alerts_name_lines_devices_and_the_disk() -> None:
    health = {"storage": {"durable": False, "history": "memory"}}
    lines = [{"line": "bus", "state": "down", "message": "the adapter is gone", "reason": "link_down"}]
    devices: list[Json] = [
        {
            "device": "bus/m",
            "line": "bus",
            "unit": 3,
            "state": "silent",
            "advice": [],
            "stateSeconds": 90.0,
            "requests": 9,
            "answers": 0,
            "errors": {"timeout": 9},
        }
    ]
    found = "\n".join(trouble.words for trouble in at_this_moment(health, lines, devices))
    assert "the disk takes no data" in found
    assert "history is in memory only" in found
    assert "line bus is down: the adapter is gone" in found
    assert "device bus/m (unit 3) has been silent for 90.0 s" in found


@pytest.mark.parametrize(("late", "told"), [(30, True), (6, False)])
def test_more_answers_than_questions_are_told_of_the_line_and_not_of_a_slow_device(late: int, *, told: bool) -> None:
    def device(name: str, answers: int, late: int) -> Json:
        errors = {"late": late, "timeout": 100 - answers}
        return {"device": name, "line": "bus", "state": "online", "requests": 100, "answers": answers, "errors": errors}

    # Late answers are counted with whoever is asked next, so no device can be named.
    devices = [device("bus/pump", 100, late // 2), device("bus/valve", 94, late // 2)]
    found = at_this_moment(SOUND, [{"line": "bus", "state": "up"}], devices)

    assert (
        any("two devices may have one number" in one.words and "ferrule monitor bus" in one.words for one in found)
        is told
    )


def silent(*names: str) -> list[Json]:
    return [
        {"device": name, "line": name.split("/")[0], "unit": 3, "state": "silent", "advice": [], "stateSeconds": 90.0}
        | {"requests": 9, "answers": 0, "errors": {"timeout": 9}}
        for name in names
    ]


def alert(component: str, metric: str, severity: str = "warning") -> Json:
    return {"component": component, "metric": metric, "severity": severity, "summary": "x", "since": "2026"}


def test_a_line_that_is_down_is_told_once_and_its_devices_with_it() -> None:
    lines = [{"line": "bus", "state": "down", "message": "the adapter is gone", "reason": "not_found"}]
    standing = [
        alert("line:bus", "downSeconds"),
        alert("device:bus/m", "errorRate"),
        alert("device:net/x", "errorRate"),
    ]
    found = ordered(standing, at_this_moment(SOUND, lines, silent("bus/m", "bus/n", "net/y")))
    assert [(one.component, one.metric) for one in found] == [
        ("line:bus", "downSeconds"),
        ("device:net/x", "errorRate"),
        ("device:net/y", "silentSeconds"),
    ]
    assert "the adapter is gone" in found[0].words


def away(device: str | None, state: str, **more: object) -> Json:
    """An alarm on a device."""
    return {
        "alarm": "away",
        "device": device,
        "condition": "device_down",
        "severity": "critical",
        "state": state,
        "frozen": False,
        "reason": None,
        "current": "no_answer",
        "limit": None,
        "units": None,
        "message": "the pump is away",
        "raisedAt": "2026",
    } | more


def test_an_alarm_says_why_its_device_is_silent_and_the_device_is_not_told_again() -> None:
    troubles = at_this_moment(SOUND, LINES, silent("bus/m", "bus/n", "net/y"))
    found, left = told_by_alarms([away("bus/m", "raised"), away("bus/m", "raised"), away("net/x", "raised")], troubles)
    assert [words for words, _ in found] == [
        "critical: alarm away: the pump is away: unit 3, silent for 90.0 s (since 2026)",
        "critical: alarm away: the pump is away (since 2026)",
        "critical: alarm away: the pump is away (since 2026)",
    ]
    assert [one.component for one in left] == ["device:bus/n", "device:net/y"]


@pytest.mark.parametrize("alarm", [away("bus/m", "cleared"), away(None, "raised", condition="stale")])
def test_an_alarm_that_is_over_or_on_a_tag_stands_for_no_device(alarm: Json) -> None:
    troubles = at_this_moment(SOUND, LINES, silent("bus/m"))
    found, left = told_by_alarms([alarm], troubles)
    assert "silent" not in found[0][0]
    assert left == troubles


def test_what_explains_others_comes_before_them() -> None:
    twins = [
        {"device": name, "line": "bus", "state": "online", "requests": 100, "answers": 100, "errors": {"late": 20}}
        for name in ("bus/a", "bus/b")
    ]
    standing = [
        alert("line:net", "silentSeconds", "critical"),
        alert("device:bus/a", "errorRate"),
        alert("process", "memory"),
        alert("store", "durable", "critical"),
    ]
    now = at_this_moment({"storage": {"durable": False, "history": "full"}}, LINES, twins + silent("net/x", "tcp/y"))
    assert [(one.component, one.metric) for one in ordered(standing, now)] == [
        ("store", "durable"),
        ("line:net", "silentSeconds"),
        ("line:bus", "surplus"),
        ("device:bus/a", "errorRate"),
        ("process", "memory"),
        ("device:tcp/y", "silentSeconds"),
    ]


@pytest.mark.parametrize(
    ("missing", "words"), [(0, "and none was missing"), (1, "and only 1 was missing"), (7, "and only 7 were missing")]
)
def test_more_answers_than_questions_are_counted_in_words(missing: int, words: str) -> None:
    counted = {"requests": 100 + missing, "answers": 100, "errors": {"late": 40}}
    twins = [{"device": "bus/a", "line": "bus", "state": "online"} | counted]
    [trouble] = at_this_moment({"storage": {"durable": True, "history": "full"}}, LINES[:1], twins)
    assert words in trouble.words


def test_standing_alerts_come_worst_first_then_oldest_first() -> None:
    raised = [
        {"severity": severity, "since": since}
        for severity, since in zip(
            ("info", "critical", "warning", "critical"), ("2026-01", "2026-03", "2026-02", "2026-02"), strict=True
        )
    ]
    found = [(one["severity"], one["since"]) for one in by_severity(raised)]
    assert found == [("critical", "2026-02"), ("critical", "2026-03"), ("warning", "2026-02"), ("info", "2026-01")]


def test_governors_are_told_of_in_one_line_with_what_is_not_as_it_should_be() -> None:
    told: Json = {"health": 71, "status": "degraded", "reasons": ["operational: health 60, 1 of 2 lines serve", "x: y"]}
    assert say_governors(told) == "governors: health 71, degraded: operational: health 60, 1 of 2 lines serve; x: y"
    assert say_governors({"health": None, "status": "unknown", "reasons": []}) == "governors: unknown"
    assert "governor:read" in say_governors(None)
