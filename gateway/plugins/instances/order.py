"""What is asked of instances, and what is shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.instances import KeptInstance, Owner, OwnerType
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from gateway.plugins.host.states import Report, State

# Who holds it may do with instances of others what they may.
ADMIN = "instances:*"
# What instances can be listed by.
ORDERS = ("created_at", "updated_at", "plugin", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An instance that somebody wants.

    Attributes:
        plugin: id of the plugin.
        version: of it; None: the newest that has a package.
        owner: whose it is to be; None: the caller's.
        permissions: that are granted.
        config: its configuration.
        region: a word for where it is; None: not said.
    """

    plugin: str
    version: str | None = None
    owner: Owner | None = None
    permissions: tuple[str, ...] = ()
    config: Mapping[str, Json]
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to become of an instance; what is None stays.

    Attributes:
        config: its configuration.
        merge: of that, only what is said changes (RFC 7396).
        permissions: that are granted.
        version: of its plugin.
        region: a word for where it is; empty: not said.
    """

    config: Mapping[str, Json] | None = None
    merge: bool = False
    permissions: tuple[str, ...] | None = None
    version: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which instances are listed.

    Attributes:
        plugin, status, owner: of them; None: any. The owner by its id.
        order: names of ``ORDERS`` with True for descending; age decides where they are equal.
        offset: how many are skipped.
        limit: how many there are at most.
    """

    plugin: str | None = None
    status: State | None = None
    owner: str | None = None
    order: tuple[tuple[str, bool], ...] = ()
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An instance as callers see it.

    Attributes:
        kept: what is on the disk; its secrets are covered.
        status: what it is doing.
        report: how it is; None: the host does not have it.
        trouble: why the host does not have it; None: it has.
    """

    kept: KeptInstance
    status: State
    report: Report | None
    trouble: str | None


def owner_of(by: Principal) -> Owner:
    """Whose an instance is that a caller installs."""
    kind, _, id_ = by.subject.partition(":")
    if id_ and kind in {OwnerType.USER, OwnerType.CLIENT}:
        return Owner(OwnerType(kind), id_)
    return Owner(OwnerType.USER, by.subject)


def may_rule(by: Principal) -> bool:
    """Whether a caller may do with instances of others what they may."""
    return by.kind is Kind.OPERATOR or by.may(ADMIN)


def may_see(by: Principal, kept: KeptInstance) -> bool:
    """Whether an instance is there for a caller (D-057)."""
    return may_rule(by) or kept.owner == owner_of(by) or kept.installed_by == by.subject


def listed(all_: list[Shown], wanted: Wanted) -> tuple[list[Shown], int]:
    """Some of all instances, and how many fit."""
    found = [
        one
        for one in all_
        if wanted.plugin in {None, one.kept.plugin}
        and wanted.status in {None, one.status}
        and wanted.owner in {None, one.kept.owner.id}
    ]
    found.sort(key=lambda one: (one.kept.created, one.kept.id))
    for name, down in reversed(wanted.order):
        found.sort(key=lambda one: _value(one, name), reverse=down)
    return found[wanted.offset : wanted.offset + wanted.limit], len(found)


def _value(shown: Shown, name: str) -> tuple[float, str]:
    kept = shown.kept
    numbers = {"created_at": kept.created, "updated_at": kept.updated}
    words = {"plugin": kept.plugin, "status": shown.status.value}
    return numbers.get(name, 0.0), words.get(name, "")
