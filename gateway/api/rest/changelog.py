"""``/v1/tools/changelog``: what users notice of each version, out of ``CHANGELOG.md`` as it comes with the gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources

import msgspec
import trio

from gateway.api.rest.route import Answer, Call, Route
from gateway.api.rest.shapes import Nothing
from gateway.api.rest.versions import CHANGELOG

# Keep a Changelog 1.1: a heading for each version, below it one for each kind of change.
_VERSION = re.compile(r"## \[?(?P<version>[^\]\s]+)\]?(?: - (?P<date>\d{4}-\d\d-\d\d))?\s*")
_KIND = re.compile(r"### (?P<kind>\w+)\s*")
_POINT = re.compile(r"- (?P<text>.*)")


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of one kind: Added, Changed, Deprecated, Removed, Fixed, Security; in Markdown."""

    kind: str
    entries: tuple[str, ...]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One version, or ``Unreleased`` for what comes with the next; its date is null until it is out."""

    version: str
    date: str | None
    changes: tuple[Changes, ...]


def releases_of(text: str) -> list[Release]:
    """Read a changelog, newest version first.

    Args:
        text: in the form of Keep a Changelog.
    """
    found: list[Release] = []
    for heading, lines in _parts(text.splitlines(), _VERSION):
        changes = (
            Changes(kind=kind["kind"], entries=tuple(" ".join(words) for words in _points(points)))
            for kind, points in _parts(lines, _KIND)
        )
        found.append(Release(version=heading["version"], date=heading["date"], changes=tuple(changes)))
    return found


def _parts(lines: list[str], heading: re.Pattern[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Headings with the lines below them."""
    begun: tuple[re.Match[str], list[str]] | None = None
    for line in lines:
        if match := heading.fullmatch(line):
            if begun is not None:
                yield begun
            begun = match, []
        elif begun is not None:
            begun[1].append(line)
    if begun is not None:
        yield begun


def _points(lines: list[str]) -> list[list[str]]:
    points: list[list[str]] = []
    for line in lines:
        if match := _POINT.fullmatch(line):
            points.append([match["text"].strip()])
        elif points and line.strip():
            points[-1].append(line.strip())
    return points


def _read() -> list[Release]:
    return releases_of(resources.files("gateway").joinpath("CHANGELOG.md").read_text("utf-8"))


async def _show(_: Call[None, Nothing]) -> Answer:
    # Read anew each time: who asks is rare, and nothing of it stays in memory.
    return Answer(data=await trio.to_thread.run_sync(_read))


def changelog_routes() -> tuple[Route, ...]:
    """The changelog, for whoever has a good token."""
    return (
        Route(
            name="tools.changelog",
            method="GET",
            path=CHANGELOG,
            run=_show,
            scope=None,
            summary="What users notice of each version, newest first",
            resource="release",
            result=Release,
            listing=True,
            audited=False,
        ),
    )
