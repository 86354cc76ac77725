"""The benchmarks run: at the smallest sizes, without a word about their numbers."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import Table, Target
from benchmarks.rounds import interleave

ROOT = Path(__file__).parents[2]


def test_every_round_begins_with_another_contestant() -> None:
    order: list[str] = []

    def contestant(name: str, us: float) -> dict[str, float]:
        order.append(name)
        return {"us": us + len(order)}

    results = interleave({"a": lambda: contestant("a", 10), "b": lambda: contestant("b", 30)}, 2)
    assert order == ["a", "b", "b", "a"]
    assert results.of("a", "us") == 12.5
    assert results.ratio("b", "a", "us") == pytest.approx((32 / 11 + 33 / 14) / 2)
    assert results.most("b", "us") == 33


def test_a_table_says_which_targets_were_missed() -> None:
    table = Table("Cost", ("client", "us"))
    table.add("ours", "1.0")
    table.targets = [Target("cost", 3.0, 2.0), Target("efficiency", 0.99, 0.98, "at least")]
    lines = str(table).splitlines()
    assert "| ours   | 1.0 |" in lines
    assert [line.split()[0] for line in lines if line.startswith("    ")] == ["MISSED", "met"]


@pytest.mark.interop
def test_contestants_and_line_run() -> None:
    names = ("codec", "tcp", "paced", "tags", "rtu", "http", "websocket", "subscriptions", "events")
    command = [sys.executable, "-m", "benchmarks", "--tiny", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    for name in names:
        assert f"({name}: " in done.stdout
    assert "ferrule SerialTalk" in done.stdout


@pytest.mark.e2e
def test_plugins_are_measured_in_their_sandboxes() -> None:
    command = [sys.executable, "-m", "benchmarks", "--tiny", "plugins"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "### Calls of 2 instances" in done.stdout
    assert "(plugins: " in done.stdout
