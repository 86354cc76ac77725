"""Who wants which event: looked up, not asked one by one, however many clients there are.

Clients that may receive the same and have subscribed to the same share one interest. By the type of an event those
interests are found whose patterns match it; of them, those with a filter by the value that it filters by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.core.channels import may_receive
from gateway.core.events import Event
from gateway.core.patterns import Selection, member
from gateway.core.ports import Json
from gateway.core.principal import Principal

C = TypeVar("C")

# Types and routing keys whose interests are remembered; those who publish choose both.
_MOST_REMEMBERED = 1024
# What is remembered of all of them together: interests, and values of filters that lead to one.
_MOST_PLACES = 32_768
# As JSON has it, true is not 1.
_Value = tuple[bool, object]


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """A channel or a pattern that somebody has subscribed to.

    Attributes:
        kind: ``channel`` or ``pattern``.
        name: of the channel, or the pattern.
        selection: the events it stands for.
        words: the same in a form that equal ones have in common: kind, name, filter.
    """

    kind: str
    name: str
    selection: Selection
    words: tuple[str, str, str]

    @property
    def key(self) -> tuple[str, str]:
        """A client has one for each: the next one takes its place."""
        return self.kind, self.name


def words_of(wanted: Mapping[str, Sequence[Json]]) -> str:
    """A filter in a form that equal ones have in common; one for all wishes of a frame."""
    return json.dumps(wanted, sort_keys=True)


def make_wish(kind: str, name: str, selection: Selection, words: str) -> Wish:
    """A wish for a channel or a pattern; ``words`` are those of its filter."""
    return Wish(kind, name, selection, (kind, name, words))


def wanted(wishes: Iterable[Wish], event: Event) -> bool:
    """Whether any of the wishes is for this event."""
    return any(wish.selection.takes(event) for wish in wishes)


@dataclass(slots=True, eq=False)
class Interest(Generic[C]):
    """Who wants the same and may receive the same.

    Attributes:
        principal: who may receive it.
        wishes: what is wanted.
        clients: whose it is, in the order in which they came.
    """

    principal: Principal
    wishes: tuple[Wish, ...]
    clients: dict[C, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Found(Generic[C]):
    """The interests in events of one type.

    Attributes:
        all: in each of them.
        some: by the path of a member and its value; what else is asked for stands beside the interest.
        places: how many there are in both.
    """

    all: list[Interest[C]] = field(default_factory=list)
    some: dict[str, dict[_Value, list[tuple[Interest[C], Selection]]]] = field(default_factory=dict)
    places: int = 1


class Interests(Generic[C]):
    """All interests of all clients."""

    def __init__(self) -> None:
        self._known: dict[tuple[Principal, frozenset[tuple[str, str, str]]], Interest[C]] = {}
        self._of: dict[C, tuple[Principal, frozenset[tuple[str, str, str]]]] = {}
        self._found: dict[tuple[str, str | None], _Found[C]] = {}
        self._places = 0
        self._wants: dict[str, bool] = {}

    def put(self, client: C, principal: Principal, wishes: Iterable[Wish]) -> None:
        """Have a client want these from now on, and nothing else."""
        self.drop(client)
        wishes = tuple(wishes)
        if not wishes:
            return
        key = principal, frozenset(wish.words for wish in wishes)
        interest = self._known.get(key)
        if interest is None:
            interest = self._known[key] = Interest(principal, wishes)
            self._forget()
        interest.clients[client] = None
        self._of[client] = key

    def drop(self, client: C) -> None:
        """A client wants nothing any more."""
        key = self._of.pop(client, None)
        if key is None:
            return
        interest = self._known[key]
        del interest.clients[client]
        if not interest.clients:
            del self._known[key]
            self._forget()

    def wants(self, type_: str) -> bool:
        """Whether anybody would want an event of this type, depending on its data."""
        known = self._wants.get(type_)
        if known is None:
            known = any(
                pattern.matches(type_)
                for interest in self._known.values()
                for wish in interest.wishes
                for pattern in wish.selection.patterns
            )
            if len(self._wants) < _MOST_REMEMBERED:
                self._wants[type_] = known
        return known

    def in_(self, event: Event) -> list[Interest[C]]:
        """The interests of those who want an event and may receive it."""
        found = self._found.get((event.type, event.routing_key)) or self._find(event)
        wanting = found.all
        if found.some:
            wanting = list(dict.fromkeys([*wanting, *_filtered(found.some, event)]))
        return [interest for interest in wanting if may_receive(interest.principal, event)]

    def _find(self, event: Event) -> _Found[C]:
        found = _Found[C]()
        for interest in self._known.values():
            matching = [
                wish.selection
                for wish in interest.wishes
                if any(pattern.matches(event.type, event.routing_key) for pattern in wish.selection.patterns)
            ]
            if any(not selection.wanted for selection in matching):
                found.all.append(interest)
                found.places += 1
                continue
            for selection in matching:
                path, values = next(iter(selection.wanted.items()))
                found.places += len(values)
                for value in values:
                    by_value = found.some.setdefault(path, {})
                    by_value.setdefault((value is True or value is False, value), []).append((interest, selection))
        if len(self._found) >= _MOST_REMEMBERED or self._places + found.places > _MOST_PLACES:
            self._found.clear()
            self._places = 0
        self._places += found.places
        self._found[event.type, event.routing_key] = found
        return found

    def _forget(self) -> None:
        self._found.clear()
        self._places = 0
        self._wants.clear()


def _filtered(
    some: Mapping[str, Mapping[_Value, list[tuple[Interest[C], Selection]]]], event: Event
) -> Iterable[Interest[C]]:
    for path, by_value in some.items():
        value = member(event.data, path)
        if not isinstance(value, bool | int | float | str | None):
            # A filter has plain values only, and nothing else is equal to one.
            continue
        for interest, selection in by_value.get((isinstance(value, bool), value), ()):
            if len(selection.wanted) == 1 or selection.takes(event):
                yield interest
