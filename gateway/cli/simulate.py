"""``ferrule simulate``: devices without wires."""

from __future__ import annotations

import argparse
import signal
from functools import partial
from pathlib import Path

import trio

from gateway import logs
from gateway.cli.main import WRONG, fail
from gateway.field.simulate import SimulationError, serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule simulate``."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the devices; config/demo-devices.toml shows how")
    parser.add_argument(
        "--directory", type=Path, default=Path(), metavar="DIR", help="where the pseudo-terminals appear (default .)"
    )


async def simulate(file: Path, directory: Path) -> None:
    """Serve simulated devices until SIGTERM or SIGINT."""
    async with trio.open_nursery() as nursery:
        places = await nursery.start(partial(serve, file, directory=directory))
        for place in places:
            print(f"serving {place}", flush=True)
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                nursery.cancel_scope.cancel()


def run(arguments: argparse.Namespace) -> int:
    """Serve simulated devices."""
    logs.set_up()
    try:
        trio.run(simulate, arguments.file, arguments.directory)
    except* SimulationError as group:
        return_code = fail(str(group.exceptions[0]), WRONG)
    else:
        return_code = 0
    return return_code
