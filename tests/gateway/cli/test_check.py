"""``ferrule check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.main import main

DEMO = Path(__file__).parents[3] / "config" / "demo.toml"
LINE = (
    '[gateway]\nname = "g"\n[server]\nbind = "127.0.0.1"\n[[line]]\nname = "bus"\ntransport = "rtu"\nport = "/dev/x"\n'
)


def config(tmp_path: Path, text: str) -> str:
    path = tmp_path / "ferrule.toml"
    path.write_text(text)
    return str(path)


def test_the_demo_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DEMO)]) == 0
    shown = capsys.readouterr().out
    assert "line rs485" in shown
    assert "utilisation" in shown
    assert "2 lines" in shown


def test_alarms_are_shown_with_what_they_watch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = "".join(f'  {{ name = "t{n}", table = "holding", address = {n}, type = "int16" }},\n' for n in range(5))
    alarms = "".join(
        f'[[alarm]]\nname = "a{number}"\n{condition}\n'
        for number, condition in enumerate(
            [
                'tag = "bus/d/*"\nhigh = 80\nhysteresis = 5\ndelay = "10s"\nseverity = "critical"',
                'tag = "bus/d/t1"\nlow = 5',
                'tag = "bus/d/t1"\nrate = 3\nper = "1m"',
                'tag = "bus/d/t1"\nstale = "20s"\ndelay = "10s"',
                'tag = "bus/d/t1"\nequals = 4',
                'tag = "bus/d/t1"\nnot_good = true',
                'device_down = "bus/d"',
                'device_down = "bus/d"\nenabled = false',
            ]
        )
    )
    file = config(tmp_path, f'{LINE}[[line.device]]\nname = "d"\nunit = 1\ntag = [\n{tags}]\n{alarms}')
    assert main(["check", file]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("alarm ")]
    assert shown == [
        "alarm a0: critical, above 80 for 10s, clears at 75, on bus/d/t0, bus/d/t1, bus/d/t2 and 2 more",
        "alarm a1: warning, below 5, clears at 5, on bus/d/t1",
        "alarm a2: warning, changes by more than 3 within 1m, on bus/d/t1",
        "alarm a3: warning, no value for 30s, on bus/d/t1",
        "alarm a4: warning, equal to 4, on bus/d/t1",
        "alarm a5: warning, not good, on bus/d/t1",
        "alarm a6: warning, out of reach, on bus/d",
    ]
    assert main(["check", "--json", file]) == 0
    found = json.loads(capsys.readouterr().out)["alarms"]
    assert found[1] == {"alarm": "a1", "severity": "warning", "condition": "low", "on": ["bus/d/t1"]}
    assert len(found) == 7


def test_quiet_says_nothing_where_nothing_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--quiet", str(DEMO)]) == 0
    assert capsys.readouterr().out == ""


def test_blocks_shows_the_requests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(DEMO)]) == 0
    short = capsys.readouterr().out
    assert main(["check", "--blocks", str(DEMO)]) == 0
    assert len(capsys.readouterr().out) > len(short)


def test_mistakes_have_a_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config(tmp_path, LINE + "baudrate = 12\nparrity = 1\n")
    assert main(["check", file]) == 2
    shown = capsys.readouterr().out
    assert f"{file}:9:" in shown
    assert f"{file}:10:1: error: " in shown
    assert '"parity"' in shown


def test_a_line_with_more_work_than_time_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = "".join(
        f'  {{ name = "t{n}", table = "holding", address = {n * 200}, type = "uint16", poll = "20ms" }},\n'
        for n in range(20)
    )
    file = config(tmp_path, f'{LINE}baudrate = 1200\n[[line.device]]\nname = "d"\nunit = 1\ntag = [\n{tags}]\n')
    assert main(["check", file]) == 2
    shown = capsys.readouterr().out
    assert f"{file}:5:3: error: line bus is asked for " in shown
    assert "polled as fast as it can be" in shown
    assert "Poll less often, raise the baud rate or spread the devices over two lines" in shown


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "absent.toml")]) == 2
    assert f"{tmp_path / 'absent.toml'}:1:1: error: cannot read the file" in capsys.readouterr().out


@pytest.mark.parametrize("text", [f"a = {'[' * 5000}{']' * 5000}\n", f"[{'.'.join('a' * 3000)}]\n"])
def test_what_is_nested_too_deeply_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config(tmp_path, text)
    assert main(["check", file]) == 2
    assert f"{file}:1:1: error: " in capsys.readouterr().out


def test_an_endless_number_is_refused_at_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config(tmp_path, f"{LINE}baudrate = {'9' * 5000}\n")
    assert main(["check", file]) == 2
    assert f"{file}:9:12: error: " in capsys.readouterr().out


def test_a_row_names_few_tags_and_blocks_names_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = "".join(f'  {{ name = "t{n}", table = "input", address = {n}, type = "int16" }},\n' for n in range(9))
    file = config(tmp_path, f'{LINE}[[line.device]]\nname = "d"\nunit = 1\ntag = [\n{tags}]\n')
    assert main(["check", file]) == 0
    shown = capsys.readouterr().out
    assert "t0, t1, t2 and 6 more" in shown
    assert "1 device, 9 tags, read by 1 request" in shown
    assert "silent" not in shown
    assert main(["check", "--blocks", file]) == 0
    assert "input 0 to 8 (9 registers)" in (shown := capsys.readouterr().out)
    assert "t7, t8" in shown


def test_it_says_what_devices_cost_that_fall_silent_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tag = 'tag = [{ name = "t", table = "input", address = 0, type = "int16" }]\n'
    devices = [f'[[line.device]]\nname = "d{unit}"\nunit = {unit}\ntimeout = "{unit}s"\n{tag}' for unit in (1, 2, 3)]
    assert main(["check", config(tmp_path, LINE + "".join(devices))]) == 0
    shown = capsys.readouterr().out
    # The two dearest of three: time-outs of 3 s and 2 s, and the characters on the wire.
    assert (
        "a device that falls silent costs up to 3.01 s before that is known, 5.02 s where 2 do so at one moment"
        in shown
    )
    assert "what is left answering is then up to 6." in shown
    assert main(["check", config(tmp_path, LINE + "".join(devices[:2]))]) == 0
    assert "a device that falls silent costs up to 2.01 s before that is known\n" in capsys.readouterr().out


def test_a_request_that_may_be_late_is_warned_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = "".join(
        f'  {{ name = "t{n}", table = "input", address = {n}, type = "int16", stale_after = "1500ms" }},\n'
        for n in range(9)
    )
    devices = "".join(f'[[line.device]]\nname = "d{unit}"\nunit = {unit}\ntag = [\n{tags}]\n' for unit in (1, 2))
    assert main(["check", "--quiet", config(tmp_path, LINE + devices)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "bus/d1/t0 and 8 tags beside it may become" in first
    assert "bus/d2/t0 and 8 tags beside it may become" in second


def test_an_interface_that_is_not_here_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = config(tmp_path, LINE.replace("127.0.0.1", "nosuch0"))
    assert main(["check", "--quiet", file]) == 0
    shown = capsys.readouterr().out
    assert f"{file}:4:8: warning: bind: there is no interface nosuch0 here now: " in shown
    assert "lo" in shown


def test_programs_get_the_verdict_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(DEMO)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["file"], found["runnable"]) == (str(DEMO), True)
    [serial, _] = found["lines"]
    assert 0 < serial["utilisation"] < 1
    assert serial["requests"][0]["worstAge"] <= serial["requests"][0]["worstAgeSilent"]
    assert serial["requests"][0]["worstAgeSilent"] <= serial["requests"][0]["worstAgeFall"]
    assert len(serial["firstLosses"]) == 5
    assert "voltage-l1" in serial["requests"][0]["tags"]
    file = config(tmp_path, LINE + "baudrate = 12\n")
    assert main(["check", "--json", file]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["runnable"] is False
    [problem] = [one for one in found["problems"] if one["severity"] == "error"]
    assert (problem["path"], problem["line"]) == (file, 9)
    assert found["lines"] == []
