"""kill -9 at any moment: what was on disk is there, and the chain has no break, also while old rows go."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from gateway.storage.audit import AUDIT_FILE
from gateway.storage.audit_reading import newest, verify_file
from gateway.storage.audit_rows import AuditKey, Head, parse_head

CHILD = Path(__file__).with_name("audit_child.py")
ROOT = Path(__file__).parents[3]
KEY = AuditKey(b"k" * 32)


def run_and_kill(directory: Path, number: int, acknowledgements: int) -> tuple[int, list[Head], list[str]]:
    """Let a gateway note for a while.

    Returns:
        The highest note that is on disk for sure, the heads it told, and what it announced.
    """
    heads: list[Head] = []
    news: list[str] = []
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(directory), str(number)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "ack":
                number = int(rest)
                acknowledgements -= 1
            elif word == "head":
                heads.append(parse_head(rest))
            elif word == "news":
                news.append(rest)
            if word == "ack" and acknowledgements <= 0:
                child.kill()
                break
    return number, heads, news


def test_no_kill_breaks_the_chain_or_loses_what_was_on_disk(tmp_path: Path) -> None:
    moments = random.Random(7)
    number, heads, news = 0, list[Head](), list[str]()
    for _ in range(8):
        number, told, said = run_and_kill(tmp_path, number, moments.randrange(1, 60))
        heads += told
        news += said
        # What is gone by now was removed for its size, and the anchor stands for it.
        found = verify_file(tmp_path / AUDIT_FILE, KEY, heads)
        assert found.problems == ()
        rows = newest(tmp_path / AUDIT_FILE, lambda row: row.action == "tag.write", None)
        values = [row.details["value"] for _, row in rows]
        assert number in values
    assert news == []
    assert heads
    assert verify_file(tmp_path / AUDIT_FILE, KEY).anchored is not None


def test_the_chain_verifies_while_the_gateway_writes(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(tmp_path), "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None
        seen = []
        for line in child.stdout:
            if line.startswith("ack"):
                found = verify_file(tmp_path / AUDIT_FILE, KEY)
                assert found.problems == ()
                seen.append(found.head.seq)
            if len(seen) == 30:
                child.kill()
                break
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]
