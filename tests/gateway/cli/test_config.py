"""``ferrule config``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.main import main

ROOT = Path(__file__).parents[3]
FILE = '[server]\nport = 3500 # here\n[[line]]\nname = "bus"\ntransport = "rtu"\nport = "/dev/x"\n'


def test_a_key_is_explained_in_words_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "line.baudrate"]) == 0
    shown = capsys.readouterr().out
    assert "baudrate in [[line]]" in shown
    assert "whole number, 50 to 4000000" in shown
    assert "default  19200" in shown
    assert "example  baudrate = " in shown
    assert main(["config", "explain", "poll", "--json"]) == 0
    keys = json.loads(capsys.readouterr().out)["keys"]
    assert {"section", "name", "type", "required", "default", "unit", "meaning", "example"} == set(keys[0])


def test_all_keys_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain"]) == 0
    shown = capsys.readouterr().out
    assert "line.device.tag.address" in shown
    assert "required" in shown


def test_a_misspelt_key_is_code_2_with_the_cure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", "baudrat"]) == 2
    assert 'Did you mean "baudrate"?' in capsys.readouterr().err


def test_what_is_in_force_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", str(ROOT / "config" / "demo.toml")]) == 0
    long = capsys.readouterr().out
    assert '# write_budget = "200MB"' in long
    assert main(["config", "show", "--short", str(ROOT / "config" / "demo.toml")]) == 0
    assert len(capsys.readouterr().out) < len(long)


def test_set_and_unset_say_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ferrule.toml"
    file.write_text(FILE)
    assert main(["config", "set", str(file), "server.port", "3501"]) == 0
    shown = capsys.readouterr().out
    assert "-port = 3500 # here" in shown
    assert "+port = 3501 # here" in shown
    assert "ferrule reload" not in shown
    assert "takes effect at the next start" in shown
    assert main(["config", "unset", str(file), "server.port"]) == 0
    assert "3501" not in file.read_text()


def test_a_change_that_asks_a_line_for_too_much_is_made_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ferrule.toml"
    tag = 'tag = [{ name = "t", table = "holding", address = 0, type = "uint16" }]'
    file.write_text(f'{FILE}[[line.device]]\nname = "d"\nunit = 1\n{tag}\n')
    assert main(["config", "set", str(file), "bus/d/t:poll", "2s"]) == 0
    assert "warning" not in capsys.readouterr().out
    assert main(["config", "set", str(file), "bus/d/t:poll", "10ms"]) == 0
    assert "ferrule.toml:3:3: warning: line bus is asked for" in capsys.readouterr().out
    assert 'poll = "10ms"' in file.read_text()


def test_a_change_that_would_be_refused_is_code_2_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ferrule.toml"
    file.write_text(FILE)
    assert main(["config", "set", str(file), "bus:baudrate", "7"]) == 2
    assert "ferrule.toml:7:12: error: baudrate: must be 50 to 4000000, not 7" in capsys.readouterr().out
    assert file.read_text() == FILE
    assert main(["config", "set", str(file), "bus:bd", "7"]) == 2
    assert "there is no key" in capsys.readouterr().err
    assert main(["config", "show", str(tmp_path / "absent.toml")]) == 2
    assert "cannot read the file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "value", "at_start"),
    [
        ("bus:baudrate", "9600", False),
        ("limits.burst", "7", False),
        ("server.host_names", '["x"]', False),
        ("gateway.location", "cellar", True),
        ("storage.write_budget", "100MB", True),
        ("history.enabled", "false", True),
        ("audit.retention", "90d", True),
    ],
)
def test_it_is_said_whether_a_reload_takes_a_change_over(
    tmp_path: Path, key: str, value: str, *, at_start: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ferrule.toml"
    file.write_text(FILE)
    assert main(["config", "set", str(file), key, value]) == 0
    shown = capsys.readouterr().out
    assert ("takes effect at the next start" in shown, "with: ferrule reload" in shown) == (at_start, not at_start)
