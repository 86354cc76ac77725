"""``ferrule check``: is a configuration right, and can its lines do what it asks?"""

from __future__ import annotations

import argparse
import socket
import sys

from gateway.api.server.sockets import local_addresses
from gateway.cli.main import WRONG
from gateway.cli.screen import Screen
from gateway.field.check import report
from gateway.field.check_json import check_json
from gateway.settings.load import load
from gateway.settings.problems import SettingsError


def run(arguments: argparse.Namespace) -> int:
    """Check a file; exit 0 when it can be run, 2 when not."""
    try:
        settings = load(arguments.file)
    except SettingsError as error:
        if arguments.json:
            Screen().json(check_json(str(arguments.file), (*error.problems, *error.warnings), None))
        else:
            print(error)
        return WRONG
    # The kernel lists addresses, and so no interface without one.
    interfaces: dict[str, list[str]] = {name: [] for _, name in socket.if_nameindex()} | local_addresses()
    judged = report(settings, blocks=arguments.blocks, interfaces=interfaces)
    if arguments.bus and not judged.refused:
        from gateway.cli.check_bus import check_bus

        return check_bus(arguments, settings, Screen())
    if arguments.json:
        found = (*settings.warnings, *judged.problems)
        Screen().json(check_json(str(arguments.file), found, judged))
        return WRONG if judged.refused else 0
    for warning in settings.warnings:
        print(warning)
    if not arguments.quiet:
        sys.stdout.write(judged.text)
    for problem in judged.problems:
        print(problem)
    return WRONG if judged.refused else 0
