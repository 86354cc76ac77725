"""What differs between two configurations, so that a reload touches only that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.settings.model import LineSettings, Settings

# Keys of the server that are taken over at once; so are all limits, and of the events tag_interval.
FOLLOWED_OF_SERVER = ("host_names", "cors_origins")
# Keys of the server that name files.
FILES_OF_SERVER = ("certificate", "key", "client_ca")


@dataclass(frozen=True, slots=True)
class Difference:
    """Names by what became of them, each in the order of the file they are in (of the new one, where in both)."""

    unchanged: tuple[str, ...]
    changed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reload has to do.

    Attributes:
        lines: by name. A line that has changed in any way, down to its tags, is a changed one.
        reopened: names of changed lines whose own keys differ; on the other changed ones only devices or tags do.
        devices: by ``line/device``.
        tags: by full name. The value of an unchanged tag stands; of every other it is to be forgotten.
        gateway_changed: the gateway's name, location or region.
        server_changed: the listener, or who may call.
        server_waiting: the server has changed in what is not followed while the gateway runs.
        storage_changed: budget or limit of the storage.
        history_changed: what is kept for how long.
        limits_changed: what callers may ask; taken over at once.
        webhook_changed: where webhooks may go, and how hard they try; taken over at once.
        agents_changed: how agents and services are kept; taken over at once.
        access_changed: how long tokens live, and how many clients there may be; taken over at once.
        governor_changed: what governors may do; taken over at once.
        audit_changed: how long the audit log is kept.
        events_changed: how long events are kept, and how often tags make some.
        events_waiting: the events have changed in what is not followed while the gateway runs.
        alarms_changed: the alarms; taken over at once.
        plugin_changed: whose packages are taken; taken over at once.
    """

    lines: Difference
    reopened: tuple[str, ...]
    devices: Difference
    tags: Difference
    gateway_changed: bool
    server_changed: bool
    server_waiting: bool
    storage_changed: bool
    history_changed: bool
    limits_changed: bool
    webhook_changed: bool
    agents_changed: bool
    access_changed: bool
    governor_changed: bool
    audit_changed: bool
    events_changed: bool
    events_waiting: bool
    alarms_changed: bool
    plugin_changed: bool

    @property
    def waiting(self) -> tuple[str, ...]:
        """The sections with changes that a reload does not take over: they take effect at the next start."""
        sections = {
            "gateway": self.gateway_changed,
            "server": self.server_waiting,
            "storage": self.storage_changed,
            "history": self.history_changed,
            "audit": self.audit_changed,
            "events": self.events_waiting,
        }
        return tuple(name for name, waits in sections.items() if waits)


def marks(settings: Settings) -> dict[str, str]:
    """A short hash of each section as far as a reload does not take it over, so that who reloads can compare them."""
    followed = dict.fromkeys(FOLLOWED_OF_SERVER)
    # Who reloads may be in another directory than the gateway that was started with the file.
    files = {key: str(Path(file).absolute()) for key in FILES_OF_SERVER if (file := getattr(settings.server, key))}
    sections: dict[str, object] = {
        "gateway": settings.gateway,
        # Where a key is written is no part of what it says.
        "server": {
            **{key.name: getattr(settings.server, key.name) for key in fields(settings.server) if key.compare},
            **followed,
            **files,
        },
        "storage": settings.storage,
        "history": settings.history,
        "audit": settings.audit,
        "events": replace(settings.events, tag_interval=0.0),
    }
    return {name: hashlib.sha256(repr(section).encode()).hexdigest()[:16] for name, section in sections.items()}


def difference(old: Settings, new: Settings) -> Changes:
    """Compare two configurations by what they ask for, wherever in the file it is written."""
    old_lines = {line.name: line for line in old.lines}
    new_lines = {line.name: line for line in new.lines}
    lines = _differ(old_lines, new_lines)
    return Changes(
        lines=lines,
        reopened=tuple(name for name in lines.changed if _own_keys(old_lines[name]) != _own_keys(new_lines[name])),
        devices=_differ(_devices(old), _devices(new)),
        tags=_differ(_tags(old), _tags(new)),
        gateway_changed=old.gateway != new.gateway,
        server_changed=old.server != new.server,
        server_waiting=old.server
        != replace(new.server, **{key: getattr(old.server, key) for key in FOLLOWED_OF_SERVER}),
        storage_changed=old.storage != new.storage,
        history_changed=old.history != new.history,
        limits_changed=old.limits != new.limits,
        webhook_changed=old.webhook != new.webhook,
        agents_changed=old.agents != new.agents,
        access_changed=old.access != new.access,
        governor_changed=old.governor != new.governor,
        audit_changed=old.audit != new.audit,
        events_changed=old.events != new.events,
        events_waiting=old.events != replace(new.events, tag_interval=old.events.tag_interval),
        alarms_changed=old.alarms != new.alarms,
        plugin_changed=old.plugin != new.plugin,
    )


def _differ(old: Mapping[str, object], new: Mapping[str, object]) -> Difference:
    return Difference(
        unchanged=tuple(name for name in new if name in old and old[name] == new[name]),
        changed=tuple(name for name in new if name in old and old[name] != new[name]),
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
    )


def _own_keys(line: LineSettings) -> LineSettings:
    return replace(line, devices=(), tags=())


def _devices(settings: Settings) -> dict[str, object]:
    return {f"{line.name}/{device.name}": device for line in settings.lines for device in line.devices}


def _tags(settings: Settings) -> dict[str, object]:
    """Return what decides the value of each tag: the tag, and the wire and unit it comes from."""
    tags: dict[str, object] = {}
    for line in settings.lines:
        wire = (line.transport, line.port, line.host, line.tcp_port)
        for raw in line.tags:
            tags[f"{line.name}/{raw.name}"] = (wire, line.raw, raw)
        for device in line.devices:
            for tag in device.tags:
                tags[f"{line.name}/{device.name}/{tag.name}"] = (wire, device.unit, tag)
    return tags
