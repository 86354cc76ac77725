"""What is said of instances on the wire: resources of JSON:API with the reference's members, then ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from gateway.api.rest.paging import Pages
from gateway.api.rest.plugin_models import PLUGINS, Identifier, ToOne, VersionText
from gateway.api.rest.shapes import Model
from gateway.api.rest.sorting import order_of
from gateway.api.rest.words import order_word
from gateway.core import rfc3339
from gateway.core.instances import Owner, OwnerType
from gateway.plugins.host.notes import LINES, Note
from gateway.plugins.host.states import State
from gateway.plugins.instances.order import ORDERS, Change, Order, Shown, Wanted

INSTANCES = "/v1/instances"
LOG_SIZE = 100

Granted = Annotated[str, Meta(min_length=1, max_length=300)]
Permissions = Annotated[tuple[Granted, ...], Meta(max_length=100)]
Region = Annotated[str, Meta(max_length=64, pattern=r"\A[^\x00-\x1f\x7f]*\Z", description="text of one line")]
Name = Annotated[
    str,
    Meta(min_length=1, max_length=128, pattern=r"\A[!-~]+\Z", description="plain letters, digits and signs, no blanks"),
]
StatusWord = Literal["initializing", "inactive", "active", "error", "suspended"]
Size = Annotated[int, Meta(ge=1, le=LINES)]


class InstanceQuery(Pages, frozen=True):
    """Which instances, in which order."""

    plugin: str | None = field(default=None, name="filter[plugin]")
    status: StatusWord | None = field(default=None, name="filter[status]")
    owner: str | None = field(default=None, name="filter[owner]")
    sort: Annotated[str, order_word(ORDERS)] | None = None


class LogQuery(Model, frozen=True):
    """Which lines of a log: the newest, or those after one that is known."""

    size: Size = field(default=LOG_SIZE, name="page[size]")
    after: Annotated[int, Meta(ge=0)] = field(default=0, name="page[after]")


class InstanceBody(Model, frozen=True):
    """An instance somebody wants."""

    config: dict[str, Any] = field(default_factory=dict)
    permissions: Permissions = ()
    version: VersionText | None = None
    region: Region | None = None


class InstanceChanges(Model, frozen=True):
    """Some of it anew: what is left out stays; within ``config`` too, where null takes a member away (RFC 7396)."""

    config: dict[str, Any] | UnsetType = UNSET
    permissions: Permissions | UnsetType = UNSET
    version: VersionText | UnsetType = UNSET
    region: Region | UnsetType | None = UNSET


class ConfigBody(Model, frozen=True):
    """A configuration."""

    config: dict[str, Any]


class LinkedPlugin(Model, frozen=True):
    """Names a plugin."""

    type: Literal["plugin", "plugins"]
    id: Name


class LinkedOwner(Model, frozen=True):
    """Names who an instance is to belong to."""

    type: Literal["user", "users", "organization", "organizations", "client", "clients"]
    id: Name


class ToPlugin(Model, frozen=True):
    """The plugin an instance is of."""

    data: LinkedPlugin
    links: dict[str, Any] | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType = UNSET


class ToOwner(Model, frozen=True):
    """Whose an instance is to be; null: the caller's."""

    data: LinkedOwner | None
    links: dict[str, Any] | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType = UNSET


class InstanceLinks(Model, frozen=True):
    """What an instance is of, and whose."""

    plugin: ToPlugin
    owner: ToOwner | UnsetType = UNSET


class Trouble(msgspec.Struct, frozen=True):
    """Why an instance does not run."""

    reason: str
    message: str


class InstanceAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance is."""

    # As its schema has it; its secrets are covered.
    config: Mapping[str, Any]
    permissions: tuple[str, ...]
    status: StatusWord
    version: str
    region: str | None
    # What it says of itself; null where it does not run.
    health_status: str | None
    error: Trouble | None
    installed_by: str
    created_at: str
    updated_at: str


class InstanceRelationships(msgspec.Struct, frozen=True):
    """What it is of, and whose it is."""

    plugin: ToOne
    owner: ToOne


class InstanceResource(msgspec.Struct, frozen=True, kw_only=True):
    """An instance as a resource."""

    type: Literal["plugin-instance"] = "plugin-instance"
    id: str
    attributes: InstanceAttributes
    relationships: InstanceRelationships
    links: Mapping[str, str]


class LogAttributes(msgspec.Struct, frozen=True):
    """A line of a log."""

    timestamp: str
    source: str
    level: str
    text: str


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log as a resource; its id counts up."""

    type: Literal["log-line"] = "log-line"
    id: str
    attributes: LogAttributes


def wanted(query: InstanceQuery) -> Wanted:
    """What a query asks for.

    Raises:
        Problem: 400, it cannot be sorted so.
    """
    return Wanted(
        plugin=query.plugin,
        status=None if query.status is None else State(query.status),
        owner=query.owner,
        order=order_of(query.sort, ORDERS),
        offset=(query.number - 1) * query.size,
        limit=query.size,
    )


def ordered(body: InstanceBody, links: InstanceLinks) -> Order:
    """An instance somebody wants."""
    owner = None if links.owner is UNSET else links.owner.data
    return Order(
        plugin=links.plugin.data.id,
        version=body.version,
        owner=None if owner is None else Owner(OwnerType(owner.type.removesuffix("s")), owner.id),
        permissions=body.permissions,
        config=body.config,
        region=body.region or None,
    )


def change_of(body: InstanceChanges) -> Change:
    """What somebody wants to become of an instance."""
    return Change(
        config=None if body.config is UNSET else body.config,
        merge=True,
        permissions=None if body.permissions is UNSET else body.permissions,
        version=None if body.version is UNSET else body.version,
        region=None if body.region is UNSET else body.region or "",
    )


def state_of(shown: Shown) -> object:
    """What of an instance callers can write. Secrets that were changed look the same, and are not."""
    kept = shown.kept
    return kept.id, kept.version, kept.permissions, kept.config, kept.sealed, kept.region


def instance_resource(shown: Shown) -> InstanceResource:
    """An instance for an answer."""
    kept, report = shown.kept, shown.report
    place = f"{INSTANCES}/{kept.id}"
    error = None if shown.trouble is None else Trouble("not_started", shown.trouble)
    if report is not None and report.fall is not None:
        error = Trouble("parked" if report.parked else report.fall.reason, report.fall.message)
    return InstanceResource(
        id=kept.id,
        attributes=InstanceAttributes(
            config=kept.config,
            permissions=kept.permissions,
            status=shown.status.value,
            version=kept.version,
            region=kept.region,
            health_status=None if report is None else report.health,
            error=error,
            installed_by=kept.installed_by,
            created_at=rfc3339.seconds(kept.created),
            updated_at=rfc3339.seconds(kept.updated),
        ),
        relationships=InstanceRelationships(
            plugin=ToOne(Identifier("plugin", kept.plugin)),
            owner=ToOne(Identifier(kept.owner.type.value, kept.owner.id)),
        ),
        links={
            "self": place,
            "status": f"{place}/status",
            "logs": f"{place}/logs",
            "plugin": f"{PLUGINS}/{kept.plugin}",
        },
    )


def log_line(note: Note) -> LogLine:
    """A line for an answer."""
    return LogLine(
        id=str(note.number), attributes=LogAttributes(rfc3339.seconds(note.time), note.source, note.level, note.text)
    )
