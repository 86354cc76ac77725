"""How much of a serial line masters use, at what CPU, and whether they keep the silent interval."""

from __future__ import annotations

from functools import partial

from benchmarks.programs import (
    CHARACTER_BITS,
    MASTER_CORE,
    TURNAROUND_S,
    Options,
    compiled,
    measured,
    python,
    timed_line,
)
from benchmarks.report import Table, Target
from benchmarks.rounds import Sample, interleave
from gateway.lines.wire import FIXED_GAP_ABOVE_BAUD, FIXED_GAP_S, GAP_CHARACTERS

BAUDS = (9600, 19200, 115200)
COUNTS = (10, 125)
# Every unit's pace is learned before measuring: with long reads, fewer units keep that short.
UNITS = {10: 32, 125: 8}
# Cycles to measure in one round, so that slow and fast lines are judged by as much evidence as time allows.
CYCLES, LEAST_S, MOST_S = 100, 1.5, 3.0
MOST_ROUNDS = 3
REQUEST_BYTES = 8
REPLY_BYTES = 5

OURS, WHOLE, REFERENCE = "ferrule SerialTalk", "ferrule line, schedule, store", "libmodbus (C), gap kept by us"
BARE = "bare trio, told when to look"


def run(options: Options) -> list[Table]:
    """Measure every speed at both sizes."""
    if options.tiny:
        return [_table(options, BAUDS[-1], COUNTS[0])]
    return [_table(options, baud, count) for count in COUNTS for baud in BAUDS]


def _gap(baud: int) -> float:
    return FIXED_GAP_S if baud > FIXED_GAP_ABOVE_BAUD else GAP_CHARACTERS * CHARACTER_BITS / baud


def least_cycle(baud: int, count: int) -> float:
    """Seconds from one request to the next that no master who keeps the rules can beat."""
    characters = REQUEST_BYTES + REPLY_BYTES + 2 * count
    return characters * CHARACTER_BITS / baud + 2 * _gap(baud) + TURNAROUND_S


def _table(options: Options, baud: int, count: int) -> Table:
    cycle = least_cycle(baud, count)
    units = 2 if options.tiny else UNITS[count]
    seconds = min(MOST_S, max(LEAST_S, CYCLES * cycle)) * options.seconds
    client = compiled("client", options.build)
    gap_us = round(_gap(baud) * 1e6)

    def libmodbus(path: str, gap: int) -> list[str]:
        return [client, "rtu", path, str(baud), str(gap), str(units), str(count), str(seconds)]

    def contest(name: str) -> Sample:
        seen: dict[str, float] = {}
        with timed_line(options.build, baud, seen) as path:
            commands = {
                OURS: python("rtu_ours", "talk", path, baud, units, count, seconds),
                WHOLE: python("rtu_ours", "line", path, baud, units, count, seconds),
                BARE: python("bare_trio", "rtu", path, baud, units, count, seconds),
                REFERENCE: libmodbus(path, gap_us),
                "minimalmodbus": python("rtu_peers", "minimalmodbus", path, baud, units, count, seconds),
                "pymodbus sync": python("rtu_peers", "sync", path, baud, units, count, seconds),
                "pymodbus async": python("rtu_peers", "async", path, baud, units, count, seconds),
                "libmodbus (C) as it is": libmodbus(path, 0),
            }
            sample = measured(commands[name], core=MASTER_CORE)
        return {**sample, **seen, "efficiency": cycle / (seen["cycle_us"] / 1e6)}

    names = [OURS, WHOLE, REFERENCE]
    if not options.tiny:
        names += [BARE, "minimalmodbus", "pymodbus sync", "pymodbus async", "libmodbus (C) as it is"]
    results = interleave({name: partial(contest, name) for name in names}, min(options.rounds, MOST_ROUNDS))
    table = Table(
        f"Serial line at {baud} Bd, {count} registers, {units} units in turn",
        (
            "master",
            "efficiency",
            "noise",
            "x libmodbus",
            "us CPU/poll",
            "x libmodbus",
            "gap, least",
            "broken gaps",
            "failures",
        ),
        notes=(f"Who keeps the rules needs {cycle * 1e3:.2f} ms a cycle or more: above 100 % they are broken.",),
    )
    for name in names:
        table.add(
            name,
            f"{results.of(name, 'efficiency'):.1%}",
            f"±{results.spread(name, 'efficiency'):.1%}",
            f"{results.ratio(name, REFERENCE, 'efficiency'):.3f}",
            f"{results.of(name, 'us'):.0f}",
            f"{results.ratio(name, REFERENCE, 'us'):.2f}",
            f"{results.of(name, 'least_gap_us') / gap_us:.2f}",
            f"{results.most(name, 'violations'):.0f}",
            f"{results.most(name, 'failures'):.0f}",
        )
    for name in (OURS, WHOLE):
        what = f"{name}, {baud} Bd, {count} registers"
        table.targets += [
            Target(
                f"{what}: efficiency x libmodbus with gap",
                results.ratio(name, REFERENCE, "efficiency"),
                0.98,
                "at least",
                3,
            ),
            Target(f"{what}: broken gaps", results.most(name, "violations"), 0, digits=0),
        ]
        if count == max(COUNTS):
            table.targets.append(Target(f"{what}: CPU x libmodbus", results.ratio(name, REFERENCE, "us"), 0.4))
    return table
