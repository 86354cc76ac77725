"""docs/access.md says of roles, claims and lock-out what the gateway does."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.access.attempts import BY_ADDRESS
from gateway.access.roles import ROLES

MANUAL = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")


def test_every_role_stands_there_with_its_scopes() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (`.*|those of .*) \|$", MANUAL, re.MULTILINE))
    assert rows.keys() == ROLES.keys()
    for role, scopes in ROLES.items():
        told = set(re.findall(r"`([a-z*:]+)`", rows[role].replace("those of `viewer`", "")))
        assert told == (scopes - ROLES["viewer"] if "those of `viewer`" in rows[role] else scopes), role


def test_how_many_attempts_there_are_is_told() -> None:
    assert f"after {BY_ADDRESS.burst} failed attempts" in MANUAL.replace("\n", " ")
    assert f"{BY_ADDRESS.rate} a minute" in MANUAL
