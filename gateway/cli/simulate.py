"""``ferrule simulate``: devices without wires."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from functools import partial
from pathlib import Path

import trio

from gateway import logs
from gateway.cli.main import WRONG, fail
from gateway.field.simulate import SimulationError, serve
from gateway.settings.problems import SettingsError


async def _input_ends() -> None:
    """Return when nobody can write to standard input any more."""
    while True:
        await trio.lowlevel.wait_readable(sys.stdin)
        if not os.read(sys.stdin.fileno(), 4096):
            return


async def simulate(file: Path, directory: Path, *, until_input_ends: bool) -> None:
    """Serve simulated devices until SIGTERM or SIGINT."""
    async with trio.open_nursery() as nursery:

        async def follow() -> None:
            await _input_ends()
            nursery.cancel_scope.cancel()

        if until_input_ends:
            nursery.start_soon(follow)
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
        trio.run(partial(simulate, arguments.file, arguments.directory, until_input_ends=arguments.until_input_ends))
    except* SimulationError as group:
        return_code = fail(str(group.exceptions[0]), WRONG)
    except* SettingsError as group:
        print(group.exceptions[0], file=sys.stderr)
        return_code = WRONG
    except* OSError:
        return_code = fail(
            f"{arguments.directory}: no pseudo-terminal can be put there. Name a directory this user may write to: "
            "--directory DIR"
        )
    else:
        return_code = 0
    return return_code
