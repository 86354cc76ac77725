"""Resident memory of the real process, and what its imports cost."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.process import gateway, write_config
from benchmarks.programs import Options, measured, python, servers
from benchmarks.report import Table, Target

SECONDS = 60.0
LINES, TAGS = 10, 100
SHOWN = 14


def run(options: Options) -> list[Table]:
    """Poll 1000 tags over TCP for a minute."""
    lines, tags, seconds = (2, 5, 0.5) if options.tiny else (LINES, TAGS, SECONDS * options.seconds)
    with tempfile.TemporaryDirectory(prefix="ferrule-bench-") as home, servers(options.build, lines) as ports:
        config = write_config(Path(home) / "ferrule.toml", ports, tags, "1s")
        with gateway(config, Path(home) / "state") as process:
            at_ready = process.memory()
            used, began = process.cpu(), time.perf_counter()
            time.sleep(seconds)
            at_end = process.memory()
            core = (process.cpu() - used) / (time.perf_counter() - began)
            good = process.readings(
                *(f"line{line}/device/t{tag}" for line in range(lines) for tag in range(min(tags, 10)))
            )
            assert all(reading["quality"] == "good" for reading in good)
    table = Table(
        f"Resident memory of the gateway, {lines * tags} tags over TCP, every second",
        ("moment", "MB"),
        notes=(f"It used {core * 100:.1f} % of a core meanwhile, history and server included.",),
    )
    table.add("ready", f"{at_ready:.1f}")
    table.add(f"after {seconds:.0f} s", f"{at_end:.1f}")
    table.targets = [Target("resident memory with 1000 tags, MB", at_end, 64, digits=1)]
    return [table, _imports()]


def _imports() -> Table:
    costs = dict(measured(python("imports"), urgent=False))
    total = costs.pop("total")
    table = Table(
        "What importing the gateway costs, by package",
        ("package", "MB"),
        notes=("Each without what it imports itself, in the order of the gateway's own imports.",),
    )
    table.add("all", f"{total:.1f}")
    for name, cost in sorted(costs.items(), key=lambda item: -item[1])[:SHOWN]:
        table.add(name, f"{cost:.1f}")
    return table
