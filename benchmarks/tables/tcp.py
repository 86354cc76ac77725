"""CPU of one TCP exchange with match and decode, one request in flight, against a libmodbus server on loopback."""

from __future__ import annotations

from functools import partial

from benchmarks.programs import Options, compiled, measured, python, server
from benchmarks.report import Table, Target
from benchmarks.rounds import interleave

SECONDS = 0.8


def run(options: Options) -> list[Table]:
    """Measure 10 and 125 registers."""
    return [_table(options, count) for count in (10, 125)]


def _table(options: Options, count: int) -> Table:
    seconds = SECONDS * options.seconds
    with server(options.build) as port:
        client = compiled("client", options.build)
        commands = {
            "ferrule NetworkTalk": python("tcp_ours", port, count, seconds),
            "libmodbus (C)": [client, "tcp", str(port), str(count), str(seconds)],
            "pymodbus async": python("tcp_pymodbus", "async", port, count, seconds),
            "pymodbus sync": python("tcp_pymodbus", "sync", port, count, seconds),
        }
        results = interleave({name: partial(measured, command) for name, command in commands.items()}, options.rounds)
    ours, reference, peer = "ferrule NetworkTalk", "libmodbus (C)", "pymodbus async"
    table = Table(
        f"CPU of one TCP exchange, {count} registers",
        ("client", "us/poll", "noise", "x libmodbus", "x pymodbus async", "polls/s", "failures"),
    )
    for name in commands:
        table.add(
            name,
            f"{results.of(name, 'us'):.1f}",
            f"±{results.spread(name, 'us'):.0%}",
            f"{results.ratio(name, reference, 'us'):.2f}",
            f"{results.ratio(name, peer, 'us'):.2f}",
            f"{results.of(name, 'polls') / results.of(name, 'wall'):.0f}",
            f"{results.most(name, 'failures'):.0f}",
        )
    table.targets = [
        Target(f"CPU of a TCP exchange, {count} registers, x libmodbus", results.ratio(ours, reference, "us"), 2.0),
        Target(f"CPU of a TCP exchange, {count} registers, x pymodbus async", results.ratio(ours, peer, "us"), 0.5),
    ]
    return table
