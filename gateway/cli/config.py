"""``ferrule config``: explain keys, show what is in force, change one key."""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Screen
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsError

EXAMPLES = """\
examples:
  ferrule config explain timeout                   what a key is for, its type, default and unit
  ferrule config explain line.device               all keys of a table
  ferrule config show ferrule.toml                 what is in force: profiles resolved, secrets covered
  ferrule config set ferrule.toml server.port 3501
  ferrule config set ferrule.toml boiler:timeout 300ms
  ferrule config set ferrule.toml boiler/meter/voltage:scale 0.1
  ferrule config unset ferrule.toml boiler:timeout

A change is checked before the file is replaced; what the gateway would refuse is never written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule config``."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    explain = actions.add_parser("explain", help="what keys are for", description="What keys are for.")
    explain.add_argument(
        "key", nargs="?", metavar="KEY", help="timeout, line.timeout, line.device; all where not given"
    )
    explain.add_argument("--json", action="store_true", help="as JSON")
    show = actions.add_parser("show", help="the configuration in force", description="The configuration in force.")
    show.add_argument("file", type=Path, metavar="FILE", help="the configuration")
    show.add_argument("--short", action="store_true", help="without what stands at its default")
    for name, about in (("set", "set a key"), ("unset", "take a key out")):
        change = actions.add_parser(name, help=about, description=f"{about.capitalize()}; comments are kept.")
        change.add_argument("file", type=Path, metavar="FILE", help="the configuration")
        change.add_argument(
            "key", metavar="KEY", help="server.port, LINE:timeout, LINE/DEVICE:unit, LINE/DEVICE/TAG:scale"
        )
        if name == "set":
            change.add_argument("value", metavar="VALUE", help="as it is written in the file; quotes can be left out")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    try:
        if arguments.action == "explain":
            return _explain(arguments)
        if arguments.action == "show":
            return _show(arguments)
        return _change(arguments)
    except SettingsError as error:
        print(error)
        return WRONG


def _explain(arguments: argparse.Namespace) -> int:
    from gateway.settings.explain import UnknownKeyError, every_key, find_keys

    try:
        keys = list(every_key()) if arguments.key is None else find_keys(arguments.key)
    except UnknownKeyError as error:
        raise CommandError(str(error), WRONG) from None
    screen = Screen()
    if arguments.json:
        screen.json({"keys": [asdict(key) for key in keys]})
    elif arguments.key is None:
        screen.table(
            ["key", "default", "meaning"],
            [[key.full_name, "required" if key.required else key.default or "-", key.meaning] for key in keys],
        )
    else:
        for number, key in enumerate(keys):
            if number:
                screen.line()
            screen.line(f"{key.name} in {key.title}", "bold")
            for line in textwrap.wrap(key.meaning, 100):
                screen.line(f"  {line}")
            screen.line(f"  type     {key.type}")
            screen.line(f"  default  {'none: it must be given' if key.required else key.default or 'none'}")
            if key.unit is not None:
                screen.line(f"  unit     one of {key.unit}, written behind the number")
            if key.example is not None:
                screen.line(f"  example  {key.example}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from gateway.settings.effective import effective
    from gateway.settings.load import load

    settings = load(arguments.file)
    for warning in settings.warnings:
        print(warning, file=sys.stderr)
    sys.stdout.write(effective(settings, defaults=not arguments.short))
    return 0


def _change(arguments: argparse.Namespace) -> int:
    from gateway.cli.reload import AT_START
    from gateway.field.edit import EditError, edit
    from gateway.lines.overload import overloads
    from gateway.settings.compare import difference

    before = _settings(arguments.file)
    value = arguments.value if arguments.action == "set" else None
    try:
        changes = edit(arguments.file, arguments.key, value)
    except EditError as error:
        raise CommandError(f"{arguments.file}: {error}", WRONG) from None
    except OSError as error:
        raise CommandError(f"nothing was changed: {unusable(arguments.file, error)}") from None
    screen = Screen()
    for line in changes.splitlines():
        screen.line(line, "green" if line.startswith("+") else "red")
    after = _settings(arguments.file)
    if changes and before is not None and after is not None and difference(before, after).waiting:
        screen.line(f"a reload does not take this over: it takes effect at the next start. {AT_START}", "dim")
    elif changes:
        screen.line("a gateway that runs with this file takes it over with: ferrule reload", "dim")
    else:
        screen.line(f"{arguments.key} is so already")
    for problem in overloads(after) if after is not None else ():
        screen.line(str(problem), "yellow")
    return 0


def _settings(file: Path) -> Settings | None:
    """What a file says; None where it cannot be used, as one that is to be mended."""
    from gateway.settings.load import load

    try:
        return load(file)
    except SettingsError:
        return None
