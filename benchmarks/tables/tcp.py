"""CPU of one TCP exchange with match and decode, one request in flight, against a libmodbus server on loopback."""

from __future__ import annotations

from functools import partial

from benchmarks.programs import Options, compiled, measured, python, server
from benchmarks.report import Table, Target
from benchmarks.rounds import interleave

SECONDS = 0.8
# On one core, everything is in the cache and waking the other costs a switch. On a core each, as with a device on a
# network, every answer finds the client's core idle; what that costs is the kernel's and the same for everyone.
BARE = "bare trio: write, wait, read"
PLACES = ("server on the same core", "server on a core of its own")


def run(options: Options) -> list[Table]:
    """Measure 10 and 125 registers, on one core and on two."""
    if options.tiny:
        return [_table(options, 10, 0)]
    return [_table(options, count, core) for core in (0, 1) for count in (10, 125)]


def _table(options: Options, count: int, core: int) -> Table:
    """The server is on core 0, the client on the one said."""
    seconds = SECONDS * options.seconds
    with server(options.build, 0) as port:
        client = compiled("client", options.build)
        commands = {
            "ferrule NetworkTalk": python("tcp_ours", port, count, seconds),
            BARE: python("bare_trio", "tcp", port, count, seconds),
            "libmodbus (C)": [client, "tcp", str(port), str(count), str(seconds)],
            "pymodbus async": python("tcp_pymodbus", "async", port, count, seconds),
            "pymodbus sync": python("tcp_pymodbus", "sync", port, count, seconds),
        }
        results = interleave(
            {name: partial(measured, command, core=core) for name, command in commands.items()}, options.rounds
        )
    ours, reference, peer = "ferrule NetworkTalk", "libmodbus (C)", "pymodbus async"
    table = Table(
        f"CPU of one TCP exchange, {count} registers, {PLACES[core]}",
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
    what = f"CPU of a TCP exchange, {count} registers, {PLACES[core]}"
    table.targets = [
        Target(f"{what}, x libmodbus", results.ratio(ours, reference, "us"), 2.0),
        Target(f"{what}, x pymodbus async", results.ratio(ours, peer, "us"), 0.5),
    ]
    return table
