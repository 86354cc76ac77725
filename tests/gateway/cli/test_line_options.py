"""How a port or an address is named on the command line."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from gateway.cli.line_options import line_of
from gateway.cli.main import CommandError, main
from gateway.cli.options.serial import add_serial
from gateway.settings.line_model import LineSettings


def line(place: str, *options: str) -> LineSettings:
    parser = ArgumentParser()
    add_serial(parser)
    return line_of(place, parser.parse_args(options))


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ((), ("rtu", 19200, 8, "none", 2)),
        (("--parity", "even"), ("rtu", 19200, 8, "even", 1)),
        (("--ascii",), ("ascii", 19200, 7, "even", 1)),
        (("--ascii", "--parity", "none", "--baudrate", "300"), ("ascii", 300, 7, "none", 2)),
        (("--ascii", "--bytesize", "8", "--parity", "none", "--stopbits", "1"), ("ascii", 19200, 8, "none", 1)),
    ],
)
def test_what_is_not_said_is_as_the_specification_has_it(options: tuple[str, ...], form: tuple[object, ...]) -> None:
    made = line("/dev/ttyUSB0", *options)

    assert (made.transport, made.baudrate, made.bytesize, made.parity, made.stopbits) == form


@pytest.mark.parametrize("words", [("scan", "boiler"), ("monitor", "boiler"), ("decode", "--line", "boiler")])
def test_a_line_of_the_gateway_takes_no_settings_that_would_be_ignored(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--unit", "3", "--modicon", "40001") if words[0] == "decode" else ()

    assert main([*words, *place, "--baudrate", "9600", "--rtu-over-tcp"]) == 2

    assert "leave --baudrate, --rtu-over-tcp out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "options", "words"),
    [
        ("192.168.1.10:502", ("--ascii",), "--ascii is for serial ports"),
        ("/dev/ttyUSB0", ("--bytesize", "7"), "leave --bytesize out, or add --ascii"),
        ("192.168.1.10:0", (), "write HOST or HOST:PORT"),
    ],
)
def test_what_does_not_fit_is_told_with_its_cure(place: str, options: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        line(place, *options)


@pytest.mark.parametrize(("word", "port"), [("null", "/dev/null"), ("mine", "./mine")])
def test_a_port_without_its_directory_is_named_with_it(
    word: str, port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").symlink_to("/dev/null")
    monkeypatch.chdir(tmp_path)

    assert main(["scan", word, "--state", str(tmp_path)]) == 6

    assert f"{word} is taken for the name of a line. For the port write {port}" in capsys.readouterr().err


def test_a_port_that_is_not_there_is_told_before_how_long_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", str(tmp_path / "ttyUSB7"), "--state", str(tmp_path)]) == 1

    told = capsys.readouterr().err
    assert "is not there" in told
    assert "min in all" not in told


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e400", "x", ""])
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["read"], "--watch"),
        (["read"], "--max-age"),
        (["write", "a/b/c", "1"], "--lease"),
        (["monitor", "bus"], "--seconds"),
        (["scan", "bus"], "--timeout-per-unit"),
        (["scan", "bus"], "--listen"),
        (["decode"], "--every"),
        (["status"], "--timeout"),
    ],
)
def test_seconds_that_cannot_be_waited_are_refused(
    words: list[str], option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*words, f"{option}={text}"])
    assert end.value.code == 2
    assert option in capsys.readouterr().err
