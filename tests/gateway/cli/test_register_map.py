"""``ferrule import``."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli

from gateway.cli.main import main

CSV = "name,table,address,type,units\nvoltage,input,0,float32,V\nenergy,input,2,uint32,Wh\n"


def test_a_register_map_becomes_a_profile_that_a_device_can_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "meter.csv"
    table.write_text(CSV)
    assert main(["import", str(table)]) == 0
    profile = capsys.readouterr().out
    assert [tag["name"] for tag in tomli.loads(profile)["tag"]] == ["voltage", "energy"]

    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "meter.toml").write_text(profile)
    config = tmp_path / "ferrule.toml"
    config.write_text(
        '[gateway]\nname = "g"\n[server]\nbind = "127.0.0.1"\n[[line]]\nname = "bus"\ntransport = "rtu"\n'
        'port = "/dev/x"\n[[line.device]]\nname = "d"\nunit = 1\nprofile = "meter"\n'
    )
    assert main(["check", str(config)]) == 0
    assert "voltage, energy" in capsys.readouterr().out


def test_a_wrong_row_has_a_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "meter.csv"
    table.write_text(CSV + "power,input,70000,float32,W\n")
    assert main(["import", str(table)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"{table}:4:" in shown.err


@pytest.mark.parametrize("content", [None, b"name;\xe4\n"])
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "meter.csv"
    if content is not None:
        table.write_bytes(content)
    assert main(["import", str(table)]) == 2
    assert str(table) in capsys.readouterr().err


def test_modicon_numbers_and_unknown_columns_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "zaehler.csv"
    table.write_text("Bezeichnung;Adresse;Typ;Faktor;Hinweis\nSpannung;40001;float;0,1;x\n")
    assert main(["import", str(table)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{table}:1:1: warning: ")
    assert '"Hinweis"' in first
    assert "--modicon" in second
    assert main(["import", "--modicon", str(table)]) == 0
    assert tomli.loads(capsys.readouterr().out)["tag"] == [
        {"name": "Spannung", "table": "holding", "address": 0, "type": "float32", "scale": 0.1}
    ]
