"""Releases of Debian: what the gateway has to know of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suite:
    """A release of Debian.

    Attributes:
        name: its code name.
        number: its version.
        python: the version of its python3.
        backs_off: its systemd knows RestartSteps= (254).
    """

    name: str
    number: int
    python: str
    backs_off: bool


SUITES = {
    suite.name: suite
    for suite in (
        Suite("bookworm", 12, "3.11", backs_off=False),
        Suite("trixie", 13, "3.13", backs_off=True),
    )
}
