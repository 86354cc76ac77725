"""``ferrule doctor`` as it is typed."""

import json
import os
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.state_lock import held


def test_a_missing_port_is_a_fault_with_its_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plant.toml"
    file.write_text('[[line]]\nname = "bus"\ntransport = "rtu"\nport = "/dev/serial/by-id/none"\n')

    code = main(["doctor", "--config", str(file), "--state", str(tmp_path), "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["state"]) == (1, "fault")
    port = next(one for one in told["findings"] if one["check"] == "port there")
    assert "plug the adapter in" in port["cure"]
    assert next(one["state"] for one in told["findings"] if one["check"] == "configuration") == "ok"


def test_a_wrong_configuration_is_told_and_the_rest_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plant.toml"
    file.write_text("[[line]]\nnaem = 1\n")

    assert main(["doctor", "--config", str(file), "--state", str(tmp_path)]) == 1

    said = capsys.readouterr().out
    assert f"ferrule check {file} shows everything" in said
    assert "clock" in said


def test_the_configuration_of_the_gateway_that_runs_is_looked_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, config = tmp_path / "state", tmp_path / "plant.toml"
    config.write_text('[[line]]\nname = "pumps"\ntransport = "rtu"\nport = "/dev/serial/by-id/none"\n')

    with held(state):
        (state / "lock").write_text(f"{os.getpid()}\n{config}\n")
        main(["doctor", "--state", str(state), "--json"])

    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {"check": "configuration", "of": str(config), "state": "ok", "seen": "it can be run", "cure": ""} in findings
    assert any(one["of"].startswith("pumps:") for one in findings)


def test_a_line_that_is_asked_for_too_much_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plant.toml"
    file.write_text(
        '[[line]]\nname = "bus"\ntransport = "rtu"\nport = "/dev/x"\n[[line.device]]\nname = "d"\nunit = 1\n'
        'tag = [{ name = "t", table = "holding", address = 0, type = "uint16", poll = "10ms" }]\n'
    )

    main(["doctor", "--config", str(file), "--state", str(tmp_path), "--json"])

    findings = json.loads(capsys.readouterr().out)["findings"]
    found = next(one for one in findings if one["check"] == "configuration")
    assert (found["state"], found["cure"]) == ("warning", f"ferrule check {file} shows everything")
    assert "plant.toml:1:3: warning: line bus is asked for" in found["seen"]
