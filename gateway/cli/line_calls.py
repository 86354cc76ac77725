"""Calls of the gateway for the tools that borrow a line: what goes wrong with a call is a line that cannot be had."""

from __future__ import annotations

from collections.abc import Callable

from drivers.ports.port import LinkDown
from gateway.cli.client import CallError, Client, Json


def calls_of(client: Client) -> Callable[..., Json]:
    """The client's calls, with failures as ``LinkDown``."""

    def call(method: str, **params: object) -> Json:
        try:
            return client.call(method, **params)
        except CallError as error:
            raise LinkDown("error", str(error)) from None

    return call
