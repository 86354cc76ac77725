"""Which events somebody wants: patterns over types and routing keys, and filters over data (D-118, D-119, D-123)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import msgspec

from gateway.core.errors import invalid
from gateway.core.events import Event
from gateway.core.ports import Json

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+|\*", re.ASCII)
_LONGEST = 128
_ANY = "*"
# Patterns, filter keys and values of one subscription: whoever subscribes costs a look at each for every event.
MOST_PATTERNS = 50
MOST_KEYS = 16
MOST_VALUES = 64
# Bytes of a filter as JSON: one may be kept for each pattern.
LARGEST_FILTER = 8192


@dataclass(frozen=True, slots=True)
class Pattern:
    """Words with colons between them for event types, or with dots for routing keys.

    A ``*`` at the end stands for zero or more segments, elsewhere for exactly one; ``*`` alone for everything.
    """

    text: str

    @property
    def routed(self) -> bool:
        """Whether it is about routing keys: it contains a dot (D-119)."""
        return "." in self.text

    def matches(self, type_: str, routing_key: str | None = None) -> bool:
        """Whether an event of this type and routing key is meant."""
        if not self.routed:
            return _fits(self.text, type_, ":")
        return routing_key is not None and _fits(self.text, routing_key, ".")


def parse_pattern(text: str, place: str = "pattern") -> Pattern:
    """Read a pattern.

    Raises:
        GatewayError: INVALID, with what is wrong and an example.
    """
    separator = "." if "." in text else ":"
    segments = text.split(separator)
    if len(text) > _LONGEST or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise invalid(
            place,
            "a pattern is words with colons between them (alarm:raised, device:*, *), or with dots for routing keys "
            f"(analytics.*), at most {_LONGEST} characters",
            text,
        )
    return Pattern(text)


def _fits(pattern: str, subject: str, separator: str) -> bool:
    """Compared word by word: callers choose the patterns, and thousands of expressions are not to be compiled."""
    if _ANY not in pattern:
        return subject == pattern
    if pattern == _ANY:
        return True
    words, found = pattern.split(separator), subject.split(separator)
    if words[-1] == _ANY:
        words.pop()
        found = found[: len(words)]
    if len(found) != len(words):
        return False
    return all(word == one or (word == _ANY and one != "") for word, one in zip(words, found, strict=True))


@dataclass(frozen=True, slots=True)
class Selection:
    """Events somebody wants: any of the patterns, and of each filtered member one of its values.

    Attributes:
        patterns: at least one.
        wanted: values by the path of a member of the data, with dots for nesting; empty: whatever the data is.
    """

    patterns: tuple[Pattern, ...]
    wanted: Mapping[str, Sequence[Json]] = field(default_factory=dict)

    def takes(self, event: Event) -> bool:
        """Whether an event is wanted."""
        if not any(pattern.matches(event.type, event.routing_key) for pattern in self.patterns):
            return False
        return all(
            any(_same(value, one) for one in values)
            for path, values in self.wanted.items()
            for value in (member(event.data, path),)
        )


def parse_selection(patterns: Sequence[str], wanted: Mapping[str, Json], place: str = "events") -> Selection:
    """Read what somebody subscribes to.

    Raises:
        GatewayError: INVALID, with the place of what is wrong.
    """
    if not 1 <= len(patterns) <= MOST_PATTERNS:
        raise invalid(place, f"name 1 to {MOST_PATTERNS} patterns", len(patterns))
    if len(wanted) > MOST_KEYS:
        raise invalid("filter", f"filter by at most {MOST_KEYS} members", len(wanted))
    for path, values in wanted.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not 1 <= len(values) <= MOST_VALUES:
            raise invalid(
                f"filter.{path}", f"give a list of 1 to {MOST_VALUES} values, one of which it must be", values
            )
    if (size := len(msgspec.json.encode(dict(wanted)))) > LARGEST_FILTER:
        raise invalid("filter", f"at most {LARGEST_FILTER} bytes of JSON", size)
    return Selection(
        tuple(parse_pattern(text, f"{place}[{index}]") for index, text in enumerate(patterns)),
        {path: tuple(values) for path, values in wanted.items() if isinstance(values, Sequence)},
    )


def member(data: object, path: str) -> object:
    """A member of the data, None where there is none; a member whose own name has the dots counts before nesting."""
    if isinstance(data, Mapping) and path in data:
        return data[path]
    for name in path.split("."):
        if not isinstance(data, Mapping) or name not in data:
            return None
        data = data[name]
    return data


def _same(value: object, wanted: object) -> bool:
    """Equal as JSON is: true is not 1, at any depth."""
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return value.keys() == wanted.keys() and all(_same(value[name], wanted[name]) for name in value)
    if _is_array(value) and _is_array(wanted):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _is_array(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)
