"""What a reload does to lines, alarms and destinations is told by name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gateway.settings.document import Document
from gateway.settings.in_force import IN_FORCE_FILE, keep_in_force, kept_in_force, marks_in_force, turnover
from gateway.settings.load import interpret
from gateway.settings.model import Settings

OLD = """
[[line]]
name = "a"
transport = "rtu"
port = "/dev/ttyS0"
[[line.device]]
name = "d"
unit = 1
[[line.device.tag]]
name = "x"
table = "input"
address = 0
type = "uint16"

[[alarm]]
name = "hot"
tag = "a/d/x"
high = 90

[[alarm]]
name = "cold"
tag = "a/d/x"
low = 5

[[webhook.allow]]
host = "hooks.example.com"

[[webhook.allow]]
network = "192.168.10.0/24"
ca = "plant-ca.pem"
"""


def settings(text: str, path: str = "a.toml") -> Settings:
    return interpret(Document(path, text))


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([], {}),
        ([("[[alarm]]", "# more\n[[alarm]]")], {}),
        ([("high = 90", "high = 80"), ('"cold"', '"icy"')], {"alarms": "added icy; changed hot; removed cold"}),
        ([("host = ", "insecure = true\nhost = ")], {"allowed": "changed hooks.example.com"}),
        ([('"192.168.10.0/24"', '"192.168.11.0/24"')], {"allowed": "added 192.168.11.0/24; removed 192.168.10.0/24"}),
        ([('type = "uint16"', 'type = "int16"')], {"lines": "changed a"}),
    ],
)
def test_what_changes_is_named(edits: list[tuple[str, str]], words: dict[str, str]) -> None:
    new = OLD
    for before, after in edits:
        assert before in new
        new = new.replace(before, after, 1)
    found = turnover(marks_in_force(settings(OLD)), marks_in_force(settings(new)))
    assert {kind: str(done) for kind, done in found.items()} == words


def test_of_two_entries_with_one_name_either_counts() -> None:
    twice = OLD + '[[webhook.allow]]\nhost = "hooks.example.com"\ninsecure = true\n'
    assert str(turnover(marks_in_force(settings(OLD)), marks_in_force(settings(twice)))["allowed"]) == (
        "changed hooks.example.com"
    )


def test_a_file_named_from_elsewhere_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert marks_in_force(settings(OLD)) == marks_in_force(settings(OLD, str(tmp_path / "a.toml")))


def test_only_the_word_of_the_process_that_runs_counts(tmp_path: Path) -> None:
    marks = marks_in_force(settings(OLD))
    assert kept_in_force(tmp_path, os.getpid()) is None
    keep_in_force(tmp_path, marks)
    assert kept_in_force(tmp_path, os.getpid()) == json.loads(json.dumps(marks))
    assert kept_in_force(tmp_path, os.getpid() + 1) is None
    (tmp_path / IN_FORCE_FILE).write_text("{")
    assert kept_in_force(tmp_path, os.getpid()) is None


def test_what_cannot_be_noted_is_not_left_wrong(tmp_path: Path) -> None:
    marks = marks_in_force(settings(OLD))
    keep_in_force(tmp_path, marks)
    (tmp_path / f"{IN_FORCE_FILE}.part").mkdir()
    keep_in_force(tmp_path, {})
    assert kept_in_force(tmp_path, os.getpid()) is None
