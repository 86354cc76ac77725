"""``ferrule completion``: what makes a shell complete commands, options and file names."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import COMMANDS, parser_of

SHELLS = ("bash", "zsh")
# A word with a dash in front is an option: else zsh takes it for what may stand there as well, and completes nothing.
_NO_OPTION = {"zsh": "_guard '^-*' value"}
EXAMPLES = """\
examples:
  ferrule completion bash | sudo tee /etc/bash_completion.d/ferrule > /dev/null
  eval "$(ferrule completion bash)"                        for this shell only
  ferrule completion zsh > ~/.zfunc/_ferrule               with ~/.zfunc in fpath"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule completion``."""
    parser.epilog = EXAMPLES
    parser.add_argument("shell", choices=SHELLS, help="which shell")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    import shtab

    print(shtab.complete(whole_parser(), arguments.shell))
    return 0


def whole_parser() -> argparse.ArgumentParser:
    """One parser with every command; made only here, because it imports them all."""
    parser = argparse.ArgumentParser(prog="ferrule")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (_, about) in COMMANDS.items():
        own, _ = parser_of(name, commands.add_parser(name, help=about))
        _complete_files(own)
    return parser


def _complete_files(parser: argparse.ArgumentParser) -> None:
    import shtab

    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to its options
        if action.type is Path:
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]  # where shtab looks for it
        elif not action.option_strings and not action.choices:
            action.complete = _NO_OPTION  # type: ignore[attr-defined]  # the same
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for inner in action.choices.values():
                _complete_files(inner)
