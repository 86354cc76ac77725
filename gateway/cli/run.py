"""``ferrule run``: the gateway itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from gateway import logs
from gateway.access.admin import AdminFileError
from gateway.access.keys import KeyFileError
from gateway.api.server.sockets import BindError
from gateway.app import Gateway, StartError, owned
from gateway.cli.main import DEFAULT_CONFIG, FAILED, WRONG, add_state, fail
from gateway.settings.problems import SettingsError
from gateway.storage import NewerSchema
from gateway.systemd import Notifier

# What keeps a gateway from starting; each text says what to do about it.
REFUSALS = (StartError, BindError, KeyFileError, AdminFileError, NewerSchema)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule run``."""
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"configuration (default {DEFAULT_CONFIG})"
    )
    add_state(parser)


def say_ready(urls: list[str]) -> None:
    """Tell whoever started us that the gateway serves."""
    for url in urls or ["no address yet"]:
        print(f"ready {url}", flush=True)


def load(config: Path, state: Path) -> Gateway | int:
    """A gateway ready to run, or the exit code for a configuration that is refused."""
    try:
        return Gateway(config, state, Notifier.from_environment(), say_ready)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG


async def hold(state: Path, config: Path, work: Callable[[], Awaitable[int]]) -> int:
    """Do the work with the state directory in our hands; what keeps it from starting is said in one line."""
    try:
        with owned(state, config):
            return await work()
    except REFUSALS as error:
        return fail(str(error))
    except BaseExceptionGroup as group:
        known, others = group.split(REFUSALS)
        if known is None or others is not None:
            raise
        leaf: BaseException = known
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        return fail(str(leaf))


async def serve(gateway: Gateway) -> int:
    """Run a gateway to its end."""
    await gateway.run()
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Run the gateway until it is told to stop."""
    logs.set_up()
    gateway = load(arguments.config, arguments.state)
    if isinstance(gateway, int):
        return gateway
    try:
        return trio.run(hold, arguments.state, arguments.config, partial(serve, gateway))
    except KeyboardInterrupt:
        return FAILED
