"""The programs of a measurement: our own C sources compiled on the spot, servers, lines, and clients in processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import pinned, realtime
from benchmarks.rounds import Sample

SOURCES = Path(__file__).parent / "c"
ROOT = Path(__file__).parent.parent
# Start bit, 8 data bits, 2 stop bits: without parity, a Modbus character still has 11 bits.
CHARACTER_BITS = 11
TURNAROUND_S = 0.002
# The line waits for moments by spinning: on the master's core it would be in its way, and what a wake costs would
# change from round to round.
LINE_CORE, MASTER_CORE = 0, 1


class CannotMeasure(Exception):  # noqa: N818 - what this machine lacks
    """Something this machine does not have; the text says what."""


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how often to measure.

    Attributes:
        rounds: of every table.
        seconds: the length of one measurement is this many times what the table thinks right.
        build: directory for compiled programs.
        tiny: the smallest sizes at which everything still runs, for the smoke test.
    """

    rounds: int
    seconds: float
    build: Path
    tiny: bool = False


def compiled(name: str, build: Path) -> str:
    """Compile a program of ours, once, and return its path.

    Raises:
        CannotMeasure: there is no compiler, or no libmodbus.
    """
    program = build / name
    if not program.exists():
        command = ["gcc", "-O2", "-Wall", "-o", str(program), str(SOURCES / f"{name}.c")]
        if name != "line":
            command += ["-I/usr/include/modbus", "-lmodbus"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise CannotMeasure("gcc is not installed: apt-get install gcc libc6-dev") from None
        except subprocess.CalledProcessError as error:
            raise CannotMeasure(f"{name}.c does not compile: is libmodbus-dev installed?\n{error.stderr}") from None
    return str(program)


@contextmanager
def server(build: Path, core: int | None = None) -> Iterator[int]:
    """A libmodbus TCP server for as long as the block runs, on one core if that is said; gives its port."""
    place = pinned(core) if core is not None else ()
    with _program([*realtime(), *place, compiled("server", build)]) as program:
        yield int(_line(program))


@contextmanager
def servers(build: Path, count: int) -> Iterator[list[int]]:
    """Several such servers, each a device of its own; gives their ports."""
    with ExitStack() as stack:
        yield [stack.enter_context(server(build)) for _ in range(count)]


@contextmanager
def timed_line(build: Path, baud: int, result: dict[str, float]) -> Iterator[str]:
    """A timed line on a core of its own, for as long as the block runs.

    Gives the path of its terminal; afterwards, ``result`` holds what it saw.
    """
    turnaround = str(int(TURNAROUND_S * 1e6))
    command = [*realtime(), *pinned(LINE_CORE), compiled("line", build), str(baud), str(CHARACTER_BITS), turnaround]
    with _program(command) as program:
        yield _line(program)
        program.stdin.close()  # type: ignore[union-attr]  # opened as a pipe below
        result.update(json.loads(_line(program)))


@contextmanager
def _program(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A program that ends when its standard input does."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            if program.stdin is not None:
                program.stdin.close()
            try:
                program.wait(5)
            except subprocess.TimeoutExpired:
                program.kill()


def _line(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


def measured(
    command: Sequence[str], *, patience: float = 120.0, urgent: bool = True, core: int | None = None
) -> Sample:
    """Run a client to its end, on one core if that is said, and return what it printed.

    Raises:
        CannotMeasure: it failed; the text is what it said.
    """
    prefix = (*(realtime() if urgent else ()), *(pinned(core) if core is not None else ()))
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, timeout=patience, check=False, cwd=ROOT)
    if done.returncode:
        raise CannotMeasure(f"{' '.join(command)} failed:\n{done.stderr}")
    sample: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**sample, "us": sample["cpu"] / sample["polls"] * 1e6} if sample.get("polls") else sample


def python(module: str, *arguments: object) -> list[str]:
    """The command of a contestant written in Python."""
    return [sys.executable, "-m", f"benchmarks.clients.{module}", *map(str, arguments)]
