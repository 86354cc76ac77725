"""``ferrule demo``: what ``make run`` starts: simulated devices in a process of their own, and the gateway."""

from __future__ import annotations

import argparse
import subprocess
import sys
from functools import partial
from pathlib import Path

import trio

from gateway import logs
from gateway.app import Gateway
from gateway.cli.main import FAILED, WRONG, fail
from gateway.cli.run import hold, ready
from gateway.cli.streams import tell
from gateway.field.simulated_ports import plugged_into, simulated_ports
from gateway.settings.problems import SettingsError
from gateway.start import CutShort
from gateway.systemd import Notifier

START_PATIENCE_S = 15.0
STOP_PATIENCE_S = 3.0


def say_how(state: Path, urls: list[str]) -> None:
    """Tell a newcomer what to try next."""
    ferrule = Path(sys.argv[0])
    url = urls[0] if urls else "https://127.0.0.1:3500"
    call = '{"jsonrpc":"2.0","id":1,"method":"tag.read","params":{"tags":["rs485/meter/voltage-l1"]}}'
    tell(
        *ready(urls),
        f"certificate authority: {state / 'ca.pem'}",
        f"first administrator:   {state / 'admin.json'}",
        "read a tag, in another terminal here:",
        f"curl --cacert {state / 'ca.pem'} -H 'Content-Type: application/json' "
        f'-H "Authorization: Bearer $({ferrule} token --state {state} --scope devices:read)" '
        f"-d '{call}' {url}/api/v1/rpc",
    )


async def demonstrate(gateway: Gateway, devices: Path, state: Path, cut_short: CutShort | None) -> int:
    """Run both until told to stop. The caller holds the state directory: the simulator puts its terminals there."""
    simulator = await trio.lowlevel.open_process(
        [sys.executable, "-m", "gateway", "simulate", str(devices), "--directory", str(state), "--until-input-ends"],
        # Nobody writes there: it ends with this process, however that ends, and takes the devices with it.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        if not await _serving(simulator):
            with trio.move_on_after(STOP_PATIENCE_S):
                await simulator.wait()
                # It has said why.
                return FAILED
            return fail(f"the simulated devices of {devices} did not start")
        await gateway.run(cut_short)
        return 0
    finally:
        with trio.move_on_after(STOP_PATIENCE_S, shield=True) as patience:
            # A Ctrl-C reaches both, so it may have gone by itself.
            if simulator.poll() is None:
                simulator.terminate()
            await simulator.wait()
        if patience.cancelled_caught:
            simulator.kill()


async def _serving(simulator: trio.Process) -> bool:
    """Wait for the first line the simulator prints: it prints none before all its devices are there."""
    if simulator.stdout is None:
        return False
    with trio.move_on_after(START_PATIENCE_S):
        return bool(await simulator.stdout.receive_some())
    return False


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration until it is told to stop."""
    logs.set_up()
    state: Path = arguments.state
    try:
        fit = partial(plugged_into, simulated_ports(arguments.devices, state))
        gateway = Gateway(arguments.config, state, Notifier.from_environment(), partial(say_how, state), fit)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG
    try:
        work = partial(demonstrate, gateway, arguments.devices, state)
        return trio.run(hold, state, arguments.config, gateway.marks, work)
    except KeyboardInterrupt:
        return FAILED
