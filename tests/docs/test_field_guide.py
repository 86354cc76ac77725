"""The commands of the field guide are commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gateway.cli.main import parser_of

GUIDE = (Path(__file__).parents[2] / "docs" / "field-guide.md").read_text()
# In running text some words stand for others, and some commands are not whole.
NOT_WHOLE = ("FILE", "LINE", "--port", "--bus")
COMMANDS = [
    row
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for row in block.splitlines()
    if row.startswith("ferrule ")
] + [found for found in re.findall(r"`(ferrule [a-z]+ [^`]+)`", GUIDE) if not any(word in found for word in NOT_WHOLE)]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_guide_is_taken(command: str) -> None:
    _, name, *arguments = shlex.split(command)

    own, _ = parser_of(name)

    own.parse_args(arguments)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 6
