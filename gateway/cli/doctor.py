"""``ferrule doctor``: what commonly goes wrong with board, ports and state, and what to do about it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gateway.cli.backup import config_in_use
from gateway.cli.client import Client
from gateway.cli.main import DEFAULT_CONFIG, FAILED, CommandError
from gateway.cli.screen import Cell, Screen
from gateway.field.doctor import Finding, State, World, worst
from gateway.field.doctor_board import board_checks
from gateway.field.doctor_plugins import plugin_checks
from gateway.field.doctor_ports import port_checks
from gateway.lines.overload import overloads
from gateway.settings.load import load
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsError

_STYLES = {State.OK: "green", State.WARNING: "yellow", State.FAULT: "red", State.UNKNOWN: "dim"}


def run(arguments: argparse.Namespace) -> int:
    """Look everything over."""
    screen = Screen()
    findings: list[Finding] = []
    file = arguments.config or config_in_use(arguments.state)
    lines: tuple[Any, ...] = ()
    if file is None:
        findings.append(
            Finding("configuration", str(DEFAULT_CONFIG), State.UNKNOWN, "there is none; name yours with --config FILE")
        )
    else:
        try:
            settings = load(file)
            lines = settings.lines
            findings.append(_configuration(file, settings))
        except SettingsError as error:
            first = str(error).splitlines()[0]
            findings.append(
                Finding("configuration", str(file), State.FAULT, first, f"ferrule check {file} shows everything")
            )
    world = World(state=arguments.state, lines=lines, devices=_devices(arguments))
    findings += port_checks(world) + board_checks(world) + plugin_checks(world)
    state = worst(findings)
    if arguments.json:
        screen.json({"state": state, "findings": [_as_json(one) for one in findings]})
    else:
        _show(screen, findings)
    return FAILED if state is State.FAULT or (arguments.strict and state is State.WARNING) else 0


def _configuration(file: Path, settings: Settings) -> Finding:
    """A file that a gateway takes, which does not say yet that its lines can do what it asks."""
    problems = overloads(settings)
    if not problems:
        return Finding("configuration", str(file), State.OK, "it can be run")
    return Finding(
        "configuration", str(file), State.WARNING, str(problems[0]), f"ferrule check {file} shows everything"
    )


def _devices(arguments: argparse.Namespace) -> list[Any] | None:
    """What the running gateway says of its devices; it need not run for all the other checks."""
    try:
        client = Client(arguments)
        devices: list[Any] = client.call("device.list")["devices"]
    except CommandError:
        return None
    client.close()
    return devices


def _show(screen: Screen, findings: list[Finding]) -> None:
    rows: list[list[Cell]] = [
        [(str(one.state), _STYLES[one.state]), one.check, one.place, one.words] for one in findings
    ]
    screen.table(["", "check", "of", "seen"], rows)
    troubles = [one for one in findings if one.state in {State.FAULT, State.WARNING} and one.cure]
    if troubles:
        screen.line()
        screen.line("What to do", "bold")
    for one in troubles:
        screen.line(f"- {one.check}, {one.place}: {one.cure}")


def _as_json(one: Finding) -> dict[str, str]:
    return {"check": one.check, "of": one.place, "state": str(one.state), "seen": one.words, "cure": one.cure}
