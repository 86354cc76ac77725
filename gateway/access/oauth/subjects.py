"""Everybody tokens and keys can stand for: clients, users, plugins, each kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.principal import Kind

KINDS = {"client": Kind.CLIENT, "user": Kind.USER, "plugin": Kind.PLUGIN}


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody may be allowed.

    Attributes:
        roles: by name.
        allowance: the scopes of these roles, and others.
        rate_limit: calls a minute; None: as everybody.
    """

    roles: frozenset[str]
    allowance: frozenset[str]
    rate_limit: int | None = None


Find = Callable[[str], Standing | None]


class Subjects:
    """Tells of a subject, as ``client:ID``, what it may be allowed now."""

    def __init__(self) -> None:
        self._families: dict[str, Find] = {}

    def know(self, family: str, find: Find) -> None:
        """Learn of another family of subjects.

        Args:
            family: what stands before the colon: one of ``KINDS``.
            find: tells of one by its id; None where it is not there, or is disabled.
        """
        self._families[family] = find

    def find(self, subject: str) -> Standing | None:
        """What a subject may be allowed; None where it is not there, or is disabled."""
        family, _, id_ = subject.partition(":")
        known = self._families.get(family)
        return None if known is None else known(id_)
