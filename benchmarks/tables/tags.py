"""10 000 tags a second through schedule, store and bus, beside a task a tag."""

from __future__ import annotations

from functools import partial

from benchmarks.programs import Options, measured, python
from benchmarks.report import Table, Target
from benchmarks.rounds import interleave

SECONDS = 6
BLOCKS, TAGS = 100, 100


def run(options: Options) -> list[Table]:
    """Measure whole seconds: every tag is read once in each."""
    blocks, tags, period = (10, 10, 0.1) if options.tiny else (BLOCKS, TAGS, 1.0)
    seconds = max(1, round(SECONDS * options.seconds / period)) * period
    commands = {
        "ferrule lines, store and bus": python("tags_ours", blocks, tags, period, seconds),
        "asyncio, a task a tag": python("tags_tasks", blocks, tags, period, seconds),
    }
    results = interleave({name: partial(measured, command) for name, command in commands.items()}, options.rounds)
    ours = "ferrule lines, store and bus"
    table = Table(
        f"{blocks * tags} tags, each read every {period:g} s, all changing, one subscriber reads all",
        ("program", "us/tag", "noise", "% of a core", "tags/s", "x ferrule"),
        notes=("Instant devices in memory: what remains is schedule, framing, match, decode, store and bus.",),
    )
    for name in commands:
        table.add(
            name,
            f"{results.of(name, 'us'):.2f}",
            f"±{results.spread(name, 'us'):.0%}",
            f"{results.of(name, 'core') * 100:.1f}",
            f"{results.of(name, 'updates') / results.of(name, 'wall'):.0f}",
            f"{results.ratio(name, ours, 'us'):.1f}",
        )
    table.targets = [Target("10 000 tags a second, % of a core", results.of(ours, "core") * 100, 6.0)]
    return [table]
