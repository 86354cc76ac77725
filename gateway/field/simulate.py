"""`ferrule simulate FILE`: devices to try the gateway on, without a single wire."""

import codecs
from pathlib import Path

import structlog
import trio

from drivers.simulated.claim import LinkTakenError, is_free
from drivers.simulated.plan import LinePlan, read_plan
from drivers.simulated.pty_server import PtyServer
from drivers.simulated.tcp_server import TcpServer
from gateway.field.plan_problems import refused

_log = structlog.get_logger()


class SimulationError(Exception):
    """The simulation cannot be started; the message names the place and the cure."""


async def serve(
    path: Path, *, directory: Path, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve all lines of a devices file until cancelled.

    Args:
        path: the TOML file; config/demo-devices.toml shows what it may say.
        directory: where the links to the pseudo-terminals appear; made when missing.
        task_status: started, when every line answers, with the place of each: a path or ``host:port``.

    Raises:
        SettingsError: the file cannot be read or says something wrong; each problem with its place and cure.
        SimulationError: an address is taken.
    """
    try:
        plan = read_plan((await trio.Path(path).read_bytes()).removeprefix(codecs.BOM_UTF8))
    except (OSError, ValueError, RecursionError) as error:
        raise (await trio.to_thread.run_sync(refused, path, error)) from error
    failure = None
    async with trio.open_nursery() as nursery:
        try:
            # Addresses before links: what is taken must be found before anything has changed that others see.
            started = {}
            for line in sorted(plan.line, key=lambda line: line.is_serial):
                started[line.name] = await _start(nursery, line, directory)
            places = [started[line.name] for line in plan.line]
        except SimulationError as error:
            failure = error  # raised outside the nursery, which would wrap it into a group
            nursery.cancel_scope.cancel()
        else:
            for line, place in zip(plan.line, places, strict=True):
                units = [device.unit for device in line.device]
                _log.info("simulated_line", line=line.name, place=place, units=units)
            task_status.started(places)
    if failure is not None:
        raise failure


async def _start(nursery: trio.Nursery, line: LinePlan, directory: Path) -> str:
    if line.is_serial:
        link = directory / (line.port or line.name)
        if not is_free(link):
            what = f"a link to {link.readlink()}" if link.is_symlink() else "no link"
            raise SimulationError(f"{link} is there already and is {what}: move it away, or name another port")
        terminal = PtyServer(
            link,
            line.build_devices(),
            line.build_wire(),
            line.device_faults,
            wire_faults=line.faults,
            ascii_framing=line.transport == "ascii",
            seed=line.seed,
        )
        try:
            await nursery.start(terminal.serve)
        except LinkTakenError as error:
            raise SimulationError(
                f"line {line.name}: {link} belongs to a simulation that is running: end that one, or name another "
                "--directory"
            ) from error
        return str(link)
    server = TcpServer(
        line.host,
        line.tcp_port or 0,
        line.build_devices(),
        line.device_faults,
        latency_s=line.latency_s,
        rtu_framing=line.transport == "rtu-over-tcp",
        unplugged=line.faults.unplugged,
        seed=line.seed,
    )
    try:
        host, port = await nursery.start(server.serve)
    except OSError as error:
        raise SimulationError(
            f"line {line.name}: cannot listen on {line.host}:{line.tcp_port} ({error.strerror}): "
            "is a simulation running already?"
        ) from error
    return f"{host}:{port}"
