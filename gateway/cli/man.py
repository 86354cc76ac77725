"""``ferrule man``: manual pages."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.cures import unusable
from gateway.cli.main import COMMANDS, CommandError
from gateway.cli.pages import command_page, main_page
from gateway.cli.whole import write_together

EXAMPLES = """\
examples:
  ferrule man read | man -l -                              read a page
  sudo ferrule man --directory /usr/local/share/man/man1   install all of them"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule man``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "command", nargs="?", choices=tuple(COMMANDS), metavar="COMMAND", help="of which (default: ferrule itself)"
    )
    parser.add_argument("--directory", type=Path, metavar="DIR", help="write all pages there instead")


def run(arguments: argparse.Namespace) -> int:
    """Print one page, or write all."""
    directory: Path | None = arguments.directory
    if directory is None:
        print(main_page() if arguments.command is None else command_page(arguments.command), end="")
        return 0
    pages = {"ferrule.1": main_page(), **{f"ferrule-{name}.1": command_page(name) for name in COMMANDS}}
    try:
        write_together(directory, {name: page.encode() for name, page in pages.items()})
    except OSError as error:
        raise CommandError(unusable(directory, error)) from None
    print(f"{len(pages)} pages in {directory}")
    return 0
