"""Which lines, alarms and destinations of webhooks are in force, so that whoever reloads can say what changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.settings.model import Settings, WebhookAllow

IN_FORCE_FILE = "in-force.json"

# What each of them is called to people.
WORDS = {"lines": "lines", "alarms": "alarms", "allowed": "where webhooks may go"}

Marks = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Turnover:
    """What becomes of the things of one kind, by name, in the order of the file they are in.

    Attributes:
        added: are new.
        changed: are not as they were.
        removed: are gone.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        parts = (("added", self.added), ("changed", self.changed), ("removed", self.removed))
        return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names)


def marks_in_force(settings: Settings) -> dict[str, dict[str, str]]:
    """A short hash of each line, each alarm and each destination, by kind and name."""
    return {
        "lines": _marks((line.name, line) for line in settings.lines),
        "alarms": _marks((alarm.name, alarm) for alarm in settings.alarms),
        "allowed": _marks((entry.host or entry.network or "", _wherever(entry)) for entry in settings.webhook.allow),
    }


def turnover(before: Marks, after: Marks) -> dict[str, Turnover]:
    """What a reload from one to the other does, by kind; only kinds of which something changes."""
    found = {}
    for kind in WORDS:
        old, new = before.get(kind, {}), after.get(kind, {})
        done = Turnover(
            added=tuple(name for name in new if name not in old),
            changed=tuple(name for name in new if name in old and old[name] != new[name]),
            removed=tuple(name for name in old if name not in new),
        )
        if done:
            found[kind] = done
    return found


def keep_in_force(state: Path, marks: Marks) -> None:
    """Note in the state directory what is in force in this process; a disk that takes nothing is no reason to stop."""
    path = state / IN_FORCE_FILE
    new = path.with_name(f"{IN_FORCE_FILE}.part")
    try:
        new.write_text(json.dumps({"pid": os.getpid(), "marks": marks}), encoding="utf-8")
        new.chmod(0o640)
        new.replace(path)
    except OSError:
        # What is noted there is wrong by now: rather nothing than that.
        with suppress(OSError):
            path.unlink(missing_ok=True)


def kept_in_force(state: Path, pid: int) -> Marks | None:
    """What is in force in a process, by its own word; None where it has not said so, or this user may not know."""
    try:
        kept = json.loads((state / IN_FORCE_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(kept, dict) or kept.get("pid") != pid or not isinstance(kept.get("marks"), dict):
        return None
    marks: Marks = kept["marks"]
    return marks


def _wherever(entry: WebhookAllow) -> WebhookAllow:
    """The same, in whichever directory the process is that says it."""
    return entry if entry.ca is None else replace(entry, ca=str(Path(entry.ca).absolute()))


def _marks(named: Iterable[tuple[str, object]]) -> dict[str, str]:
    """By name; of destinations two may have the same one."""
    said: dict[str, str] = {}
    for name, thing in named:
        said[name] = said.get(name, "") + repr(thing)
    return {name: hashlib.sha256(words.encode()).hexdigest()[:16] for name, words in said.items()}
