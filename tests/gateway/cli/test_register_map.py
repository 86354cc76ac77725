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


def test_a_profile_that_somebody_changed_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, profile = tmp_path / "meter.csv", tmp_path / "profiles" / "meter.toml"
    table.write_text(CSV)
    assert main(["import", "--output", str(profile), str(table)]) == 0
    assert main(["import", "--output", str(profile), str(table)]) == 0
    with profile.open("a") as file:
        file.write("safe = 0\n")
    before = profile.read_text()
    assert main(["import", "--output", str(profile), str(table)]) == 2
    assert "is not written over" in capsys.readouterr().err
    assert profile.read_text() == before


def test_a_wrong_row_has_a_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "meter.csv"
    table.write_text(CSV + "power,input,70000,float32,W\n")
    assert main(["import", str(table)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"{table}:4:" in shown.err


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "meter.csv"
    assert main(["import", str(table)]) == 2
    assert str(table) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("coding", "place", "byte"), [("latin-1", "2:19", "b0"), ("utf-16-le", "1:1", "ff"), ("utf-16-be", "1:1", "fe")]
)
def test_a_file_in_another_coding_is_named_with_the_place(
    coding: str, place: str, byte: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "meter.csv"
    mark = "" if coding == "latin-1" else "\ufeff"
    table.write_bytes(f"{mark}name,table,address,type,units\nt,input,0,float32,°C\n".encode(coding))
    assert main(["import", str(table)]) == 2
    words = f"error: byte 0x{byte} is not UTF-8. Save the file as CSV UTF-8"
    assert capsys.readouterr().err == f"{table}:{place}: {words}\n"


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


def test_the_output_is_written_when_all_is_right_and_not_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, output = tmp_path / "meter.csv", tmp_path / "profiles" / "acme-m1.toml"
    table.write_text(CSV)
    assert main(["import", "--output", str(output), str(table)]) == 0
    assert capsys.readouterr().out == f"{output}: 2 tags\n"
    before = output.read_text()
    assert tomli.loads(before)["profile"]["name"] == "acme-m1"

    table.write_text(CSV + "power,input,70000,float32,W\n")
    assert main(["import", "--output", str(output), str(table)]) == 2
    assert output.read_text() == before
    fresh = output.with_name("fresh.toml")
    assert main(["import", "--output", str(fresh), str(table)]) == 2
    assert [path.name for path in output.parent.iterdir()] == ["acme-m1.toml"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "m1.csv"], "--output m1.csv: the file of a profile is called NAME.toml"),
        (["--output", "m1.toml", "--name", "m2"], "--output m1.toml: a profile is found by its name. Write m2.toml"),
        (["--name", "acme m1"], '--name: "acme m1" has characters outside A-Z a-z 0-9 . _ -. Write "acme-m1"'),
        (
            ["--output", "absent/there/m1.toml"],
            "nothing was written: absent/there: No such file or directory. Is the path right?",
        ),
    ],
)
def test_an_output_that_could_not_be_used_is_refused(
    options: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("meter.csv").write_text(CSV)
    assert main(["import", *options, "meter.csv"]) != 0
    assert capsys.readouterr().err == f"ferrule: {words}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["meter.csv"]
