"""``ferrule report``: a file for whoever is asked for help, without secrets."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from gateway.cli.backup import config_in_use
from gateway.cli.client import Call, Client, Json
from gateway.cli.cures import unusable
from gateway.cli.main import FAILED, WRONG, CommandError
from gateway.cli.screen import Screen
from gateway.cli.tags import read_tags
from gateway.field.diagnostics import BundleError, Subject, make_bundle
from gateway.state_lock import owner_of

_OF_ITSELF = ("server.info", "server.health", "alert.list", "alarm.list", "governor.status")
_ASKED = (*_OF_ITSELF, "line.list", "device.list", "serial.list", "tag.list")


def run(arguments: argparse.Namespace) -> int:
    """Collect, write, list."""
    try:
        pid = owner_of(arguments.state).pid
    except (OSError, ValueError):
        pid = None
    config = arguments.config or config_in_use(arguments.state)
    if config is not None and not config.is_file():
        raise CommandError(f"{config}: there is no such file. Name the configuration: --config FILE", WRONG)
    answers = _answers(arguments)
    if pid is not None and "gateway" in answers:
        print(f"note: the gateway runs, and was not asked: {answers['gateway']['reason']}", file=sys.stderr)
    subject = Subject(arguments.state, config, pid, answers, time.time())
    try:
        parts = make_bundle(arguments.file, subject)
    except BundleError as error:
        raise CommandError(str(error), WRONG) from None
    except OSError as error:
        raise CommandError(f"no report was made: {unusable(arguments.file, error)}", FAILED) from None
    screen = Screen()
    if arguments.json:
        members = [{"name": part.name, "bytes": len(part.text.encode()), "about": part.about} for part in parts]
        screen.json({"file": str(arguments.file), "members": members})
        return 0
    rows = [[part.name, str(len(part.text.encode())), part.about] for part in parts]
    screen.table(["file", "bytes", "what it is"], rows, right=(1,))
    screen.line(f"{arguments.file} is complete; read it before you give it away", "green")
    return 0


def _answers(arguments: argparse.Namespace) -> dict[str, Any]:
    try:
        with Client(arguments, ("devices:read", "governor:read", "system:read")) as client:
            results = client.calls([Call(method, {}) for method in _ASKED])
            answers: dict[str, Any] = dict(zip(_ASKED, results, strict=True))
            rows: list[Json] = results[-1]["tags"]
            answers["tag.read"] = {"readings": read_tags(client, rows) if rows else []}
    except CommandError as error:
        return {"gateway": {"answered": False, "reason": str(error)}}
    return answers
