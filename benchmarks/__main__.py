"""``python -m benchmarks [name ...]``: print the tables."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import heading
from benchmarks.programs import CannotMeasure, Options
from benchmarks.tables import (
    codec,
    events,
    http,
    memory,
    paced,
    plugins,
    rtu,
    start,
    subscriptions,
    tags,
    tcp,
    websocket,
    written,
)

TABLES = {
    "codec": codec.run,
    "tcp": tcp.run,
    "paced": paced.run,
    "tags": tags.run,
    "rtu": rtu.run,
    "memory": memory.run,
    "start": start.run,
    "http": http.run,
    "websocket": websocket.run,
    "subscriptions": subscriptions.run,
    "events": events.run,
    "written": written.run,
    "plugins": plugins.run,
}


def main() -> int:
    """Run the tables asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="the benchmark tables, peers beside us")
    parser.add_argument("names", nargs="*", metavar="name", help=f"tables to run (default all): {', '.join(TABLES)}")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 5, quick 3)")
    parser.add_argument("--quick", action="store_true", help="shorter measurements")
    parser.add_argument("--tiny", action="store_true", help="only see whether everything runs: numbers mean nothing")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in TABLES]
    if unknown:
        parser.error(f"no table {', '.join(unknown)}: there are {', '.join(TABLES)}")
    rounds = asked.rounds or (1 if asked.tiny else 3 if asked.quick else 5)
    seconds = 0.2 if asked.tiny else 0.5 if asked.quick else 1.0
    print(heading(), end="\n\n", flush=True)
    missed = []
    with tempfile.TemporaryDirectory(prefix="ferrule-bench-") as build:
        options = Options(rounds, seconds, Path(build), asked.tiny)
        for name in asked.names or TABLES:
            began = time.monotonic()
            try:
                tables = TABLES[name](options)
            except CannotMeasure as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
            for table in tables:
                print(table, flush=True)
                missed += [target for target in table.targets if not target.met]
            print(f"({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
    for target in missed:
        print(target)
    return 0


sys.exit(main())
