"""What a publisher may change of a plugin, and what its package must say (D-103 to D-105). No I/O."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.plugins import KeptPlugin, KeptVersion, PluginStatus, Release
from gateway.core.semver import parse_version
from gateway.plugins.manifest import Manifest
from gateway.plugins.refusal import PackageError

# Of a version with a package nothing of this changes any more: the package says it too, and is signed.
SIGNED = ("name", "description", "category", "license", "tags", "config_schema")
MOST_VERSIONS = 200
_ENCODER = msgspec.json.Encoder(order="deterministic")


def check_release(release: Release) -> None:
    """See that what a publisher says is sound, as far as no other plugin matters.

    Raises:
        GatewayError: INVALID.
    """
    try:
        parse_version(release.version)
    except ValueError as error:
        raise invalid("version", str(error), release.version) from None
    for name, url in (("homepage", release.homepage), ("repository", release.repository)):
        if url is not None and not _is_url(url):
            raise invalid(name, "must be a URL with https or http", url)
    if not all(text.isprintable() for text in (release.name, release.author)):
        field = "author" if release.name.isprintable() else "name"
        raise invalid(field, "has characters that cannot be printed")


def check_change(plugin: KeptPlugin, wanted: Release) -> None:
    """See that a plugin can become what its publisher wants.

    A higher version is one more; the version there is can be said differently until it has a package.

    Raises:
        GatewayError: CONFLICT.
    """
    now, then = parse_version(plugin.release.version), parse_version(wanted.version)
    if wanted.version == plugin.release.version:
        version = plugin.version(wanted.version)
        changed = [name for name in SIGNED if not _same(getattr(plugin.release, name), getattr(wanted, name))]
        if changed and version is not None and version.archive is not None:
            raise _conflict(
                changed[0],
                f"version {wanted.version} has a package, which says this too, and stays as it is: publish a higher "
                "version",
            )
        return
    if then <= now:
        raise _conflict(
            "version", f"must be higher than {plugin.release.version}, the version there is (SemVer 2.0), or the same"
        )
    if len(plugin.versions) >= MOST_VERSIONS:
        raise _conflict("version", f"a plugin may have {MOST_VERSIONS} versions")


def check_manifest(manifest: Manifest, plugin: str, release: Release) -> None:
    """See that a package is of the version it was sent for.

    Raises:
        PackageError: the manifest says otherwise.
    """
    said = {
        "id": (manifest.id, plugin),
        "version": (manifest.version, release.version),
        "name": (manifest.name, release.name),
        "description": (manifest.description, release.description),
        "category": (manifest.category, release.category),
        "license": (manifest.license, release.license),
        "tags": (tuple(manifest.tags), release.tags),
        "config_schema": (manifest.config_schema, release.config_schema),
    }
    differing = [name for name, (packed, registered) in said.items() if not _same(packed, registered)]
    if differing:
        raise PackageError(
            "other_plugin",
            f"manifest.json and the registry differ in {', '.join(differing)} (plugin {plugin}, version "
            f"{release.version}): change the one or the other",
        )


def status_with_package(plugin: KeptPlugin) -> PluginStatus:
    """What becomes of a plugin with a package: what is suspended stays so."""
    return plugin.status if plugin.status is PluginStatus.SUSPENDED else PluginStatus.ACTIVE


def status_resumed(plugin: KeptPlugin) -> PluginStatus:
    """What a plugin is that is not suspended."""
    return PluginStatus.INACTIVE if plugin.packaged is None else PluginStatus.ACTIVE


def check_again(version: KeptVersion, sha256: str) -> bool:
    """Whether a version has this very package already.

    Raises:
        GatewayError: CONFLICT, it has another one.
    """
    if version.archive is None:
        return False
    if version.archive.sha256 != sha256:
        raise GatewayError(
            Code.CONFLICT,
            f"version {version.version} has a package already, and stays as it is: publish a higher version",
        )
    return True


def _conflict(field: str, reason: str) -> GatewayError:
    return GatewayError(Code.CONFLICT, reason, field=field)


def _same(one: object, other: object) -> bool:
    """Whether two values are the same JSON; to Python, true is 1."""
    return _ENCODER.encode(one) == _ENCODER.encode(other)


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"https", "http"} and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        return False
