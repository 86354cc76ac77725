"""What speaking JSON-RPC with processes over pipes costs at least: ``pipes_bare DIRECTORY COUNT SECONDS RATE``.

The same plugin, without a sandbox; the other side answers each line and does nothing else: no checks, bounds, paces or
permissions, and always the same reading.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import trio

READING = {
    "tag": "line0/device/t0",
    "value": 0,
    "quality": "good",
    "reason": None,
    "message": None,
    "units": None,
    "timestamp": "2026-01-01T00:00:00.000000Z",
    "clock": "synchronised",
    "age": 0.05,
}
ABOUT = {"protocol": 1, "instance": "i", "config": {}, "permissions": [], "subscriptions": []}
# Seconds after the load within which all have said what came of it.
PATIENCE_S = 60.0


def line(**message: object) -> bytes:
    """A message as a line."""
    return json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n"


async def converse(process: trio.Process, event: bytes, barrier: list[trio.Event], said: list[dict[str, Any]]) -> None:
    """Speak with one process until it has said what came of it."""
    assert process.stdin is not None
    assert process.stdout is not None
    subscribed, go = barrier
    await process.stdin.send_all(line(id=1, method="initialize", params=ABOUT))
    held = b""
    while data := await process.stdout.receive_some(65536):
        *lines, held = (held + data).split(b"\n")
        for one in lines:
            asked = json.loads(one)
            if "id" in asked and "method" in asked:
                result = {"readings": [READING]} if asked["method"] == "tag.read" else {}
                await process.stdin.send_all(line(id=asked["id"], result=result))
                if asked["method"] == "event.subscribe":
                    name = asked["params"]["name"]
                    subscribed.set()
                    await go.wait()
                    began = {"subscriptions": [name], "event": json.loads(event), "missed": 0}
                    await process.stdin.send_all(line(method="event", params=began))
            elif asked.get("method") == "log" and asked["params"]["message"].startswith("{"):
                said.append(json.loads(asked["params"]["message"]))
                return


async def main(place: Path, count: int, seconds: float, rate: float) -> None:
    """Load with all of them, and print what it cost here."""
    data = {"run": 1, "kind": "read", "tag": "line0/device/t0", "seconds": seconds, "rate": rate}
    at = "2026-01-01T00:00:00.000000Z"
    event = json.dumps(
        {"id": "e", "type": "bench:go", "source": "bench", "timestamp": at, "clock": "synchronised", "data": data}
    ).encode()
    said: list[dict[str, Any]] = []
    go, subscribed = trio.Event(), [trio.Event() for _ in range(count)]
    processes = [
        await trio.lowlevel.open_process(
            [sys.executable, "-s", str(place / "main.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(count)
    ]
    used = wall = 0.0
    try:
        with trio.fail_after(seconds + PATIENCE_S):
            async with trio.open_nursery() as nursery:
                for process, ready in zip(processes, subscribed, strict=True):
                    nursery.start_soon(converse, process, event, [ready, go], said)
                for ready in subscribed:
                    await ready.wait()
                used, wall = time.process_time(), time.perf_counter()
                go.set()
            used, wall = time.process_time() - used, time.perf_counter() - wall
    finally:
        for process in processes:
            process.kill()
            await process.wait()
    took: Counter[str] = Counter()
    for one in said:
        took.update(one["took"])
    calls = sum(took.values())
    print(
        json.dumps({"calls": calls, "cpu": used, "wall": wall, "theirs": sum(one["cpu"] for one in said), "took": took})
    )


trio.run(main, Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
