"""Simulated devices in a process of their own, on TCP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.programs import FERRULE, Program, free_port

# Registers 4 and 5 cannot be read: a block that touches them is refused.
PLAN = """
[[line]]
name = "plant"
transport = "tcp"
tcp_port = {port}

[[line.device]]
name = "drive"
unit = 1
refused = [{{ table = "holding", first = 4, count = 2 }}]
point = [
  {{ name = "setpoint", table = "holding", address = 0, value = 0 }},
  {{ name = "actual", table = "holding", address = 1, signal = {{ kind = "follow", holding = 0, lag_s = 0.05 }} }},
  {{ name = "ticks", table = "holding", address = 2, signal = {{ kind = "counter", per_s = 50, wraps_at = 60000 }} }},
  {{ name = "beyond", table = "holding", address = 6, value = 66 }},
  {{ name = "pump", table = "coil", address = 0, type = "bool", value = 1 }},
]
"""
TAGS = (
    'name = "setpoint", table = "holding", address = 0, type = "uint16", writable = true, safe = 7',
    'name = "actual", table = "holding", address = 1, type = "uint16"',
    'name = "ticks", table = "holding", address = 2, type = "uint16"',
    'name = "beyond", table = "holding", address = 6, type = "uint16"',
)
POLL = 'poll = "100ms"'


@dataclass
class Drive:
    """The devices of a site; they can be ended and started again at the same place."""

    port: int
    launch: Callable[[], Program]
    program: Program

    def die(self) -> None:
        self.program.kill()

    def live(self) -> None:
        self.program = self.launch()


def drive(start: Callable[..., Program], directory: Path) -> Drive:
    """Start a simulated drive."""
    port = free_port()
    plan = directory / "drive.toml"
    plan.write_text(PLAN.format(port=port))

    def launch() -> Program:
        program = start(FERRULE, "simulate", plan, "--directory", directory)
        program.line("serving")
        return program

    return Drive(port, launch, launch())
