"""What events cost an SD card: bytes written to the disk in an hour, at some loads."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.programs import ROOT, Options
from benchmarks.report import Table
from benchmarks.tables.event_site import Publisher, publisher, receiver

LOAD_S = 60.0
HOUR = 3600.0
MB, KB = 1e6, 1e3
# It stands above the limit for half of each period.
PERIOD_S = 6
ALARMS_AN_HOUR = 10
PLAN = """
[[line]]
name = "plant"
transport = "tcp"
tcp_port = {port}

[[line.device]]
name = "pump"
unit = 1
point = [
  {{ name = "level", table = "holding", address = 0, signal = {{ kind = "counter", per_s = 1, wraps_at = {period} }} }},
]
"""
LINE = """
[[line]]
name = "plant"
transport = "tcp"
host = "127.0.0.1"
tcp_port = {port}

[[line.device]]
name = "pump"
unit = 1
poll = "1s"
tag = [{{ name = "level", table = "holding", address = 0, type = "uint16" }}]
"""
ALARM = """
[[alarm]]
name = "high"
tag = "plant/pump/level"
high = 2
"""


def run(options: Options) -> list[Table]:
    """Measure each load for a while."""
    seconds = 1.0 if options.tiny else LOAD_S * options.seconds
    table = Table(
        "Written to the disk in an hour",
        ("load", "MB an hour", "KB an event"),
        notes=(
            f"Counted by the kernel over {seconds:.0f} s and scaled: logs, checkpoints, and all files of the gateway.",
            f"An alarm is raised and cleared: measured every {PERIOD_S} s, beside the same tag without one.",
        ),
    )
    idle = _hourly(seconds)
    table.add("nothing happens", f"{idle / MB:.2f}", "")
    for webhooks in (0, 2):
        spent = _hourly(seconds, webhooks=webhooks, publishing=True)
        each = (spent - idle) / HOUR
        table.add(f"1 event/s, {webhooks} webhooks", f"{spent / MB:.1f}", f"{each / KB:.1f}")
    with _pump() as line:
        calm, alarmed = _hourly(seconds, line), _hourly(seconds, line + ALARM)
    each = (alarmed - calm) / HOUR * PERIOD_S
    table.add(f"{ALARMS_AN_HOUR} alarms an hour", f"{(idle + ALARMS_AN_HOUR * each) / MB:.2f}", f"{each / KB:.1f}")
    return [table]


@contextmanager
def _pump() -> Iterator[str]:
    """A simulated device whose one value goes up and down, for as long as the block runs; its line."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ferrule-pump-") as place:
        plan = Path(place) / "pump.toml"
        plan.write_text(PLAN.format(port=port, period=PERIOD_S))
        command = [sys.executable, "-m", "gateway", "simulate", str(plan), "--directory", place]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                while not process.stdout.readline().startswith("serving"):
                    pass
                yield LINE.format(port=port)
            finally:
                process.kill()


def _hourly(seconds: float, more: str = "", *, webhooks: int = 0, publishing: bool = False) -> float:
    with (
        tempfile.TemporaryDirectory(prefix="ferrule-written-") as place,
        receiver(Path(place)) as listening,
        publisher(Path(place), listening.authority, more) as server,
    ):
        for _ in range(webhooks):
            server.register(listening.port)
        time.sleep(1.0)
        before, began = server.written(), time.monotonic()
        for number in range(1, int(seconds) + 1):
            if publishing:
                _publish(server, number)
            time.sleep(max(0.0, began + number - time.monotonic()))
        return (server.written() - before) / (time.monotonic() - began) * HOUR


def _publish(server: Publisher, number: int) -> None:
    payload = {"value": number, "note": "x" * 100}
    server.ask("POST", "/v1/events", {"event_type": "bench:reading", "payload": payload})
