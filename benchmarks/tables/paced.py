"""Many TCP devices at the pace of real life: waking is what costs, not the codec."""

from __future__ import annotations

from functools import partial

from benchmarks.programs import Options, measured, python, server
from benchmarks.report import Table, Target
from benchmarks.rounds import interleave

SECONDS = 5.0
DEVICES, COUNT, PERIOD_S = 32, 10, 0.1
OURS, BARE = "ferrule lines, schedule, store", "bare trio: write, wait, read"
TOGETHER, SPREAD = "pymodbus async, all together", "pymodbus async, spread out"


def run(options: Options) -> list[Table]:
    """Measure 32 devices, ten times a second each."""
    seconds = SECONDS * options.seconds
    devices, period = (4, 0.02) if options.tiny else (DEVICES, PERIOD_S)
    with server(options.build, 0) as port:
        arguments = (port, devices, COUNT, period, seconds)
        commands = {
            OURS: python("paced_ours", *arguments),
            BARE: python("bare_trio", "paced", *arguments),
            SPREAD: python("paced_pymodbus", "spread", *arguments),
            TOGETHER: python("paced_pymodbus", "together", *arguments),
        }
        results = interleave(
            {name: partial(measured, command, core=0) for name, command in commands.items()}, options.rounds
        )
    table = Table(
        f"{devices} TCP devices, {COUNT} registers, every {period:g} s",
        ("program", "us CPU/poll", "noise", "% of a core", "x pymodbus spread", "x pymodbus together", "polls/s"),
        notes=(
            "pymodbus decodes to a list and drops it; ours goes on through decode to tags, health, schedule and store.",
            "Bare trio checks, decodes, keeps and times out nothing: less no program on trio can do.",
            "Client and server share a core, so that waking the server is no part of it.",
            "Spread out: every device has its own phase. All together: all are due at the same moments, as ours are.",
        ),
    )
    for name in commands:
        table.add(
            name,
            f"{results.of(name, 'us'):.0f}",
            f"±{results.spread(name, 'us'):.0%}",
            f"{results.of(name, 'cpu') / results.of(name, 'wall') * 100:.2f}",
            f"{results.ratio(name, SPREAD, 'us'):.2f}",
            f"{results.ratio(name, TOGETHER, 'us'):.2f}",
            f"{results.of(name, 'polls') / results.of(name, 'wall'):.0f}",
        )
    table.targets = [
        Target("CPU of 32 devices at 10 Hz, x pymodbus async spread out", results.ratio(OURS, SPREAD, "us"), 0.25),
        Target("CPU of 32 devices at 10 Hz, x pymodbus async together", results.ratio(OURS, TOGETHER, "us"), 0.25),
    ]
    return [table]
