"""What an instance is to become, worked out before anything is touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from gateway.core.errors import invalid
from gateway.core.instances import KeptInstance
from gateway.core.plugins import KeptPlugin, KeptVersion
from gateway.core.ports import Json
from gateway.plugins.instances.blueprints import Blueprints, Configured, check_permissions
from gateway.plugins.instances.config import merged
from gateway.plugins.instances.order import Change

_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What an instance is to become.

    Attributes:
        kept: it.
        configured: its configuration.
        before: the configuration it has, with its secrets; None: they do not open.
    """

    kept: KeptInstance
    configured: Configured
    before: Mapping[str, Json] | None = field(repr=False)


async def plan(
    blueprints: Blueprints,
    before: KeptInstance,
    change: Change,
    another: Callable[[str, str], Awaitable[str]],
    now: float,
) -> Plan:
    """Work it out.

    Args:
        blueprints: knows packages and configurations.
        before: the instance as it is.
        change: what somebody wants.
        another: gives the version of a plugin that is wanted, where it may be run, or raises.
        now: Unix seconds.

    Raises:
        GatewayError: INVALID, version, permissions or configuration; what ``another`` raises; UNAVAILABLE.
    """
    manifest = known = await blueprints.manifest(before.plugin, before.version)
    version, permissions = before.version, before.permissions
    if change.version is not None and change.version != version:
        version = await another(before.plugin, change.version)
        manifest = await blueprints.manifest(before.plugin, version)
    if change.permissions is not None:
        permissions = change.permissions
    check_permissions(manifest, permissions)
    clear = await blueprints.open(before)
    sent: Mapping[str, Json] = before.config if clear is None else clear
    if change.config is not None:
        wanted = merged(sent, change.config) if change.merge else change.config
        sent = await blueprints.kept(before, known, wanted if isinstance(wanted, Mapping) else {})
    configured = await blueprints.configured(before.id, manifest, sent)
    kept = replace(
        before,
        version=version,
        permissions=permissions,
        region=before.region if change.region is None else change.region or None,
        config=configured.shown,
        # Sealed anew it would look like another one.
        sealed=before.sealed if configured.clear == clear else configured.sealed,
        updated=now,
    )
    return Plan(kept, configured, clear)


def pick_version(plugin: KeptPlugin, wanted: str | None) -> KeptVersion:
    """The version to be run: one that has a package; None: the newest of them.

    Raises:
        GatewayError: INVALID, there is no such version.
    """
    packaged = [kept for kept in plugin.versions if kept.archive is not None]
    if wanted is None:
        return packaged[0]
    for kept in packaged:
        if kept.version == wanted:
            return kept
    there = ", ".join(kept.version for kept in packaged[:_MOST_NAMED])
    raise invalid("version", f"there is no package of it; there are: {there}", wanted)
