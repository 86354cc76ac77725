"""From ``ferrule run`` to the first good reading and to ready."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.process import gateway, write_config
from benchmarks.programs import Options, servers
from benchmarks.report import Table
from benchmarks.rounds import Sample, interleave

LINES, TAGS = 10, 100
# So slow that the first reading is still the one to be seen after ready.
POLL = "60s"
FIRST, SECOND = "first start: keys and certificate are made", "second start"


def run(options: Options) -> list[Table]:
    """Start with and without a state directory."""
    lines, tags = (2, 5) if options.tiny else (LINES, TAGS)
    with tempfile.TemporaryDirectory(prefix="ferrule-bench-") as home, servers(options.build, lines) as ports:
        config = write_config(Path(home) / "ferrule.toml", ports, tags, POLL)
        number = 0

        def first() -> Sample:
            nonlocal number
            number += 1
            return _start(config, Path(home) / f"state{number}")

        contestants: dict[str, Callable[[], Sample]] = {
            FIRST: first,
            SECOND: lambda: _start(config, Path(home) / "kept"),
        }
        contestants[SECOND]()
        results = interleave(contestants, options.rounds)
    table = Table(
        f"Start of the gateway, {lines * tags} tags on {lines} TCP lines",
        ("start", "first good reading, s", "ready, s", "noise", "CPU s at ready"),
        notes=("Wall seconds from the start of the process; the code was compiled before.",),
    )
    for name in contestants:
        table.add(
            name,
            f"{results.of(name, 'reading'):.2f}",
            f"{results.of(name, 'ready'):.2f}",
            f"±{results.spread(name, 'ready'):.0%}",
            f"{results.of(name, 'cpu'):.2f}",
        )
    return [table]


def _start(config: Path, state: Path) -> Sample:
    with gateway(config, state) as process:
        return {"ready": process.ready, "cpu": process.ready_cpu, "reading": process.acquired("line0/device/t0")}
