"""The list of commands, and what each does with nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.access.tokens import DEFAULT_TTL
from gateway.cli.main import COMMANDS, DEFAULT_STATE, main, parser_of


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for name, (_, about) in COMMANDS.items():
        assert f"  {name:<10} {about}" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: ferrule {command}")


def test_help_waits_for_nothing_that_only_the_work_needs() -> None:
    heavy = (
        "trio",
        "structlog",
        "cryptography",
        "ssl",
        "sqlite3",
        "msgspec",
        "jwt",
        "http.client",
        "gateway.settings.load",
    )
    program = (
        "import sys\nfrom gateway.cli.main import COMMANDS, parser_of\n"
        f"for command in COMMANDS:\n parser_of(command)\nprint([name for name in {heavy} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_token_lives_as_long_as_its_help_says() -> None:
    own, _ = parser_of("token")

    assert own.parse_args(["--scope", "devices:read"]).ttl == DEFAULT_TTL


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "look over board, ports and state"),
        (["chek", "x"], 'there is no command "chek". Did you mean "check"?'),
        (["nonsense"], "ferrule --help lists them"),
    ],
)
def test_who_names_no_command_is_told_which_there_are(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert (shown.out, told in shown.err) == ("", True)


@pytest.mark.parametrize("words", [["--nonsense"], ["run", "--nonsense"], ["check"]])
def test_a_wrong_command_line_is_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "usage: ferrule" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("ferrule 0.")


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "demo"])
def test_the_environment_names_the_state_directory_and_the_option_counts_before_it(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def states() -> set[object]:
        parser, _ = parser_of(command)
        return {one.get_default("state") for one in (parser, *inner(parser))} - {None, argparse.SUPPRESS}

    usual = states()
    monkeypatch.setenv("FERRULE_STATE", "/srv/ferrule")
    assert states() == ({Path("/srv/ferrule")} if usual else set())
    monkeypatch.setenv("FERRULE_STATE", "")
    assert states() == usual <= {DEFAULT_STATE}


def inner(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of its actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def test_a_token_is_made_of_the_directory_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FERRULE_STATE", str(tmp_path / "of-the-environment"))
    assert main(["token", "--scope", "devices:read"]) == 2
    assert "of-the-environment is no directory" in capsys.readouterr().err
    assert main(["token", "--state", str(tmp_path / "of-the-option"), "--scope", "devices:read"]) == 2
    assert "of-the-option is no directory" in capsys.readouterr().err


def test_options_in_front_of_the_command_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state", "somewhere", "status"]) == 2
    assert "options come behind the command: ferrule status --state ..." in capsys.readouterr().err


def test_ctrl_c_before_a_command_begins_ends_it_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.cli.main.parser_of", interrupted)
    assert main(["status"]) == 130
    assert capsys.readouterr() == ("", "")
