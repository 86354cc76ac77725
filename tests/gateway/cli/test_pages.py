"""Help, manual pages and docs/cli.md say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.cli.main import COMMANDS, main, parser_of
from gateway.cli.pages import command_page, main_page

MANUAL = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
OURS = (
    *("status", "alarms", "events", "webhooks", "read", "write", "history", "monitor", "scan", "decode", "doctor"),
    *("config", "backup", "restore", "report", "completion", "man", "plugin"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_manual_page(command: str) -> None:
    page = command_page(command).replace("\\-", "-")
    parser, _ = parser_of(command)
    assert f"ferrule-{command} - {COMMANDS[command][1]}".replace("\\", "\\e") in page
    for option in re.findall(r"--[a-z][a-z-]+", parser.format_help().partition("examples:")[0]):
        assert option in page


@pytest.mark.parametrize("page", [main_page(), *(command_page(command) for command in OURS)], ids=("", *OURS))
def test_groff_takes_the_pages_without_a_warning(page: str) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-ww", "-Tutf8", "-z"], input=page, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_pages_are_written_where_they_are_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man", "--directory", str(tmp_path / "man1")]) == 0
    assert {path.name for path in (tmp_path / "man1").iterdir()} == {
        "ferrule.1",
        *(f"ferrule-{name}.1" for name in COMMANDS),
    }
    capsys.readouterr()
    assert main(["man", "read"]) == 0
    assert capsys.readouterr().out == command_page("read")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert re.search(r"^examples:\n(  .*\n)*  .*ferrule", shown, re.MULTILINE)
    assert command not in OURS or all(len(line) <= 120 for line in shown.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_manual_has_every_command(command: str) -> None:
    assert re.search(rf"^### `ferrule {command}\b", MANUAL, re.MULTILINE), f"docs/cli.md does not explain {command}"


@pytest.mark.parametrize("command", OURS)
def test_the_manual_has_every_option(command: str) -> None:
    chapter = re.search(rf"^### `ferrule {command}\b.*?(?=^##|\Z)", MANUAL, re.MULTILINE | re.DOTALL)
    assert chapter
    parser, _ = parser_of(command)
    shared = {
        "--help",
        "--state",
        "--url",
        "--ca",
        "--token",
        "--timeout",
        "--client-cert",
        "--json",
        "--line",
        "--unit",
        "--table",
        "--address",
        "--modicon",
        "--baudrate",
        "--parity",
        "--bytesize",
        "--stopbits",
        "--echo",
        "--ascii",
        "--rtu-over-tcp",
    }
    for option in set(re.findall(r"--[a-z][a-z-]+", parser.format_help().partition("examples:")[0])) - shared:
        assert option in chapter[0], f"docs/cli.md does not explain {command} {option}"
