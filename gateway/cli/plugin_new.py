"""``ferrule plugin new``: a plugin to begin with."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Screen
from gateway.cli.whole import new_directory
from gateway.plugins.author.kit import NoKitError
from gateway.plugins.author.seed import seed
from gateway.plugins.registry.naming import slug

LONGEST_NAME = 100


def run(arguments: argparse.Namespace) -> int:
    """Make its directory."""
    screen, name = Screen(), arguments.name.strip()
    id_ = slug(name)
    if not id_ or not name.isprintable() or len(name) > LONGEST_NAME:
        raise CommandError(
            f'"{arguments.name}" is no name for a plugin: up to {LONGEST_NAME} characters, with a letter of A to Z '
            "or a digit",
            WRONG,
        )
    directory: Path = arguments.directory or Path(id_)
    try:
        files = seed(name, arguments.language)
        new_directory(directory, files)
    except NoKitError as error:
        raise CommandError(str(error)) from None
    except FileExistsError:
        raise CommandError(
            f"{directory} is there already, and nothing is written over: name another, --directory DIR", WRONG
        ) from None
    except OSError as error:
        raise CommandError(unusable(directory, error)) from None
    if arguments.json:
        screen.json({"id": id_, "directory": str(directory), "files": sorted(files)})
        return 0
    place = shlex.quote(str(directory))
    main = "main.py" if arguments.language == "python" else "main.js"
    screen.line(f"{directory}: the plugin {id_}, which works as it is. Change {main} and manifest.json, and then:")
    screen.line(f"  ferrule plugin check {place}")
    screen.line(f"  ferrule plugin run {place} --config {place}/config.example.json --tag boiler/plc/temp=20")
    screen.line(f"  ferrule plugin pack {place}")
    return 0
