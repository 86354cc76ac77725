"""``ferrule restore``: what it says once it is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.access.keys import load_root_key
from gateway.cli.main import main


@pytest.fixture
def made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The words that restore a backup."""
    state, config = tmp_path / "state", tmp_path / "ferrule.toml"
    state.mkdir()
    load_root_key(state)
    config.write_text("", encoding="utf-8")
    file = tmp_path / "a.backup"
    assert main(["backup", str(file), "--state", str(state), "--config", str(config)]) == 0
    config.write_text("# changed\n", encoding="utf-8")
    capsys.readouterr()
    return ["restore", str(file), "--state", str(state)]


def test_it_says_where_the_configuration_went_and_what_counts_again(
    made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "ferrule.toml"
    assert main([*made, "--config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert f"the configuration is {config}\n" in shown
    assert "counts again" in shown
    assert f"ferrule keys rotate --end-all --state {tmp_path / 'state'}" in shown
    assert "enrol the agents again" in shown


def test_as_json_it_says_the_same(made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "ferrule.toml"
    assert main([*made, "--config", str(config), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["product"] == "ferrule"
    done = shown["restored"]
    assert done["config"] == str(config)
    assert [Path(kept).read_text(encoding="utf-8") for kept in done["replaced"]] == ["# changed\n"]
    assert Path(done["aside"]).is_dir()
    assert "counts again" in done["warning"]
    assert "ferrule keys rotate --end-all" in done["cure"]


def test_a_configuration_that_stays_is_told(
    made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*made, "--keep-config"]) == 0
    assert "the configuration was left as it is" in capsys.readouterr().out
    assert (tmp_path / "ferrule.toml").read_text(encoding="utf-8") == "# changed\n"
    assert main([*made, "--keep-config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["restored"]["config"] is None
