"""Which plugins there are: published, changed, packaged, suspended and removed by whom it behoves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import trio

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.kept import kept
from gateway.core.plugins import Archive, KeptPlugin, KeptVersion, PluginStatus, PluginStore, Release, Wanted
from gateway.core.principal import Principal
from gateway.core.publisher_keys import key_id, read_public_key
from gateway.plugins.config_schema import check_schema
from gateway.plugins.package import Package, read_package
from gateway.plugins.refusal import PackageError
from gateway.plugins.registry.naming import slug
from gateway.plugins.registry.rules import (
    check_again,
    check_change,
    check_manifest,
    check_release,
    status_resumed,
    status_with_package,
)
from gateway.plugins.registry.shelf import Incoming, NextPiece, Shelf
from gateway.plugins.signature import Signer, signers_by_id
from gateway.settings.plugin_model import PluginSettings

# Who holds it may do with plugins of others what they may.
ADMIN = "plugins:*"
# Packages that come in at once.
_AT_ONCE = 2
# Bytes that what is said of a version may have.
_LARGEST_RELEASE = 64 * 1024


class Registry:
    """The plugins.

    Args:
        store: keeps what is known of them.
        shelf: keeps their packages.
        settings: whose packages are taken, and how many.
        wall: Unix seconds.
    """

    def __init__(
        self, store: PluginStore, shelf: Shelf, settings: Callable[[], PluginSettings], wall: Callable[[], float]
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._settings = settings
        self._wall = wall
        # Between a look at what there is and its change nobody else changes it.
        self._changing = trio.Lock()
        self._receiving = trio.CapacityLimiter(_AT_ONCE)

    async def list(self, wanted: Wanted) -> tuple[Sequence[KeptPlugin], int]:
        """Plugins, and how many there are in all.

        Raises:
            GatewayError: UNAVAILABLE, as for everything here.
        """
        async with kept():
            return await self._store.list(wanted)

    async def get(self, id_: str) -> KeptPlugin:
        """One plugin.

        Raises:
            GatewayError: NOT_FOUND, as for everything here that names one.
        """
        async with kept():
            plugin = await self._store.find(id_)
        if plugin is None:
            raise GatewayError(Code.NOT_FOUND, f"there is no plugin {id_}")
        return plugin

    async def publish(self, by: Principal, release: Release) -> KeptPlugin:
        """Take a new plugin; on the disk when this returns. It is inactive until there is a package of it.

        Raises:
            GatewayError: INVALID; CONFLICT, there is or was one of this name, or there are as many as may be.
        """
        release = _signed_by(by, release)
        await _check(release)
        id_ = slug(release.name)
        if not id_:
            raise invalid("name", "needs a letter of A to Z or a digit: the id is made of it", release.name)
        now = self._wall()
        plugin = KeptPlugin(
            id=id_,
            release=release,
            publisher=by.subject,
            status=PluginStatus.INACTIVE,
            versions=(KeptVersion(version=release.version, created=now),),
            created=now,
            updated=now,
        )
        async with kept(), self._changing:
            if await self._store.used(id_):
                reason = f"there is or was a plugin {id_}, and ids are not used again: choose another name"
                raise GatewayError(Code.CONFLICT, reason, field="name")
            _, total = await self._store.list(Wanted(limit=0))
            most = self._settings().max_plugins
            if total >= most:
                raise GatewayError(
                    Code.CONFLICT, f"there may be {most} plugins ([plugin] max_plugins): remove one, or raise it"
                )
            await self._check_room(_LARGEST_RELEASE)
            await self._store.add(plugin)
        return plugin

    async def change(self, by: Principal, id_: str, release: Release) -> KeptPlugin:
        """Take what the publisher says now, all of it.

        Raises:
            GatewayError: INVALID; FORBIDDEN, it is another's; CONFLICT, the version.
        """
        await _check(release)
        async with kept(), self._changing:
            plugin = await self._own(by, id_)
            release = _signed_by(by, release, plugin)
            check_change(plugin, release)
            if release.version != plugin.release.version:
                await self._check_room(_LARGEST_RELEASE)
            await self._store.change(id_, release, self._wall())
        return await self.get(id_)

    async def suspend(self, id_: str) -> KeptPlugin:
        """Have nobody install it."""
        return await self._set(id_, lambda _: PluginStatus.SUSPENDED)

    async def resume(self, id_: str) -> KeptPlugin:
        """End that."""
        return await self._set(id_, status_resumed)

    async def remove(self, id_: str) -> None:
        """Take a plugin out of sight, with its packages; its id stays used."""
        async with kept(), self._changing:
            await self.get(id_)
            await self._store.remove(id_, self._wall())
        await trio.to_thread.run_sync(self._shelf.remove, id_)

    async def receive(self, by: Principal, id_: str, version: str, piece: NextPiece) -> tuple[KeptPlugin, bool]:
        """Take the package of a version; on the disk when this returns.

        Args:
            by: who sends it.
            id_: of the plugin.
            version: of it.
            piece: the next bytes of the package, none at its end.

        Returns:
            The plugin, and whether the package is new.

        Raises:
            GatewayError: INVALID, the package must not be used, with the reason; NOT_FOUND; FORBIDDEN; CONFLICT, the
                version has another one, or there is no room.
        """
        await self._own(by, id_)
        await self._release(id_, version)
        async with kept(), self._receiving, self._shelf.incoming(piece) as incoming:
            package = await trio.to_thread.run_sync(self._read, incoming)
            async with self._changing:
                plugin = await self._own(by, id_)
                # As it is by now: what it says of itself may have been changed while the package came.
                _check_said(package, id_, await self._release(id_, version))
                new = not check_again(_version(plugin, version), incoming.sha256)
                if new:
                    await self._check_room(incoming.size)
                # Also where it is known: its file may have been lost.
                await trio.to_thread.run_sync(self._shelf.keep, incoming, id_, version)
                if new:
                    await self._note(plugin, version, incoming, package)
        return await self.get(id_), new

    async def archive(self, id_: str, version: str | None = None) -> tuple[KeptVersion, Archive, Path]:
        """The package of a version (None: of the newest that has one), and its file.

        Raises:
            GatewayError: NOT_FOUND, also where there is no package.
        """
        plugin = await self.get(id_)
        found = plugin.packaged if version is None else _version(plugin, version)
        if found is None or found.archive is None:
            of = "" if version is None else f" version {version} of"
            raise GatewayError(Code.NOT_FOUND, f"there is no archive of{of} {id_}: none was uploaded yet")
        place = self._shelf.place(id_, found.version)
        if not await trio.Path(place).is_file():
            raise GatewayError(
                Code.UNAVAILABLE, f"the file of {id_} {found.version} is lost: upload the same package again"
            )
        return found, found.archive, place

    def check_signer(self, id_: str, version: KeptVersion) -> None:
        """See that who signed the package of a version is still trusted.

        Raises:
            GatewayError: CONFLICT, the configuration names its key no more.
        """
        archive = version.archive
        if archive is not None and archive.key_id not in self._signers():
            words = f"the package of {id_} {version.version} is signed by {archive.signer}"
            cure = "publish a version that somebody signed who is named there"
            raise GatewayError(Code.CONFLICT, f"{words}, whose key no [[plugin.publisher]] names any more: {cure}")

    async def manifest(self, id_: str, version: str) -> bytes:
        """The manifest of the package of a version, to the byte.

        Raises:
            GatewayError: NOT_FOUND, also where there is no package.
        """
        async with kept():
            found = await self._store.manifest(id_, version)
        if found is None:
            raise GatewayError(Code.NOT_FOUND, f"there is no package of version {version} of {id_}")
        return found

    async def downloaded(self, id_: str) -> None:
        """Count a download that was completed, or an installation (D-107)."""
        async with kept():
            await self._store.count_download(id_)

    async def docs(self, id_: str) -> tuple[KeptPlugin, str | None]:
        """A plugin, and the documentation of the newest package that has some."""
        plugin = await self.get(id_)
        packaged = plugin.packaged
        async with kept():
            return plugin, None if packaged is None else await self._store.docs(id_, packaged.version)

    def _read(self, incoming: Incoming) -> Package:
        try:
            return read_package(incoming.chunks(), self._signers())
        except PackageError as error:
            raise _refused(error) from None

    def _signers(self) -> Mapping[str, Signer]:
        return signers_by_id(Signer(one.name, read_public_key(one.key)) for one in self._settings().publishers)

    async def _note(self, plugin: KeptPlugin, version: str, incoming: Incoming, package: Package) -> None:
        signer = package.signer
        archive = Archive(
            sha256=incoming.sha256,
            size=incoming.size,
            key_id=key_id(signer.key),
            signer=signer.name,
            received=self._wall(),
        )
        status = status_with_package(plugin)
        await self._store.keep_archive(plugin.id, version, archive, status, manifest=package.written, docs=package.docs)

    async def _check_room(self, size: int) -> None:
        room = self._settings().archives
        if await self._store.space() + size > room:
            raise GatewayError(
                Code.CONFLICT, f"all plugins may have {room} bytes ([plugin] archives): remove some, or raise it"
            )

    async def _set(self, id_: str, status: Callable[[KeptPlugin], PluginStatus]) -> KeptPlugin:
        async with kept(), self._changing:
            plugin = await self.get(id_)
            await self._store.set_status(id_, status(plugin), self._wall())
        return await self.get(id_)

    async def _own(self, by: Principal, id_: str) -> KeptPlugin:
        """A plugin the caller may change."""
        plugin = await self.get(id_)
        if plugin.publisher != by.subject and not by.may(ADMIN):
            raise GatewayError(Code.FORBIDDEN, f"{id_} is the plugin of another publisher")
        return plugin

    async def _release(self, id_: str, version: str) -> Release:
        async with kept():
            release = await self._store.release(id_, version)
        if release is None:
            raise _no_version(id_, version)
        return release


def _check_said(package: Package, id_: str, release: Release) -> None:
    try:
        check_manifest(package.manifest, id_, release)
    except PackageError as error:
        raise _refused(error) from None


def _refused(error: PackageError) -> GatewayError:
    return GatewayError(Code.INVALID, str(error), details={"package": error.word})


def _version(plugin: KeptPlugin, version: str) -> KeptVersion:
    found = plugin.version(version)
    if found is None:
        raise _no_version(plugin.id, version)
    return found


def _no_version(id_: str, version: str) -> GatewayError:
    words = f"there is no version {version} of {id_}"
    return GatewayError(Code.NOT_FOUND, f"{words}: say it first, by PATCH /v1/plugins/{id_}")


def _signed_by(by: Principal, release: Release, plugin: KeptPlugin | None = None) -> Release:
    """The release with an author: who is not named is the publisher."""
    if release.author:
        return release
    return replace(release, author=by.subject if plugin is None else plugin.publisher)


async def _check(release: Release) -> None:
    check_release(release)
    if release.config_schema is not None:
        await trio.to_thread.run_sync(check_schema, release.config_schema)
