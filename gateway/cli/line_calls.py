"""Calls of the gateway for the tools that borrow a line: what goes wrong with a call is a line that cannot be had."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import CommandError
from gateway.field.scan_bus import LineLostError
from gateway.settings.line_model import LineSettings

Call = Callable[..., Json]


def running_gateway(arguments: argparse.Namespace) -> Call | None:
    """The calls of the gateway that runs here, None where there is none, or this user cannot see it."""
    try:
        return calls_of(Client(arguments, ("devices:read", "devices:write")))
    except CommandError:
        return None


def line_on(call: Call, line: LineSettings) -> str | None:
    """The line of the gateway that has this port or address.

    Raises:
        LineLostError: the gateway cannot be asked.
    """
    for row in call("line.list")["lines"]:
        place = str(row["port"])
        same = (
            Path(place).resolve() == Path(line.port).resolve()
            if line.port is not None
            else place == f"{line.host}:{line.tcp_port}"
        )
        if same and row["transport"] != "serial":
            return str(row["line"])
    return None


def calls_of(client: Client) -> Call:
    """The client's calls, with failures as ``LineLostError``."""

    def call(method: str, **params: object) -> Json:
        try:
            return client.call(method, **params)
        except CallError as error:
            raise LineLostError(str(error)) from None

    return call
