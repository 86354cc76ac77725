"""From what is kept of an instance to what the host runs: its package, its permissions, its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import trio

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.instances import KeptInstance
from gateway.core.patterns import Selection
from gateway.core.ports import Json
from gateway.core.sealing import Seal, SealError
from gateway.plugins.host.concealing import COVER
from gateway.plugins.host.permissions import covered, parse_permissions
from gateway.plugins.host.sandbox import Bounds, Runtime
from gateway.plugins.host.states import Spec
from gateway.plugins.instances.config import check_config, completed
from gateway.plugins.instances.refusal import ConfigError, Place
from gateway.plugins.instances.secrets import Secrets, find_secrets, kept, texts, uncovered
from gateway.plugins.instances.secrets import covered as shown_of
from gateway.plugins.instances.unpacked import Contents, Unpacked
from gateway.plugins.manifest import Manifest, read_manifest
from gateway.plugins.refusal import PackageError
from gateway.plugins.registry.registry import Registry
from gateway.settings.plugin_model import PluginSettings

_DECODER = msgspec.json.Decoder(list[tuple[tuple[str | int, ...], object]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A configuration that its schema allows.

    Attributes:
        clear: with its secrets.
        shown: with these covered.
        sealed: the secrets; None: there are none.
        secrets: texts in these.
    """

    clear: Mapping[str, Json]
    shown: Mapping[str, Json]
    sealed: str | None
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Configured(shown={self.shown!r})"


class Blueprints:
    """Makes what the host runs.

    Args:
        registry: has the packages.
        unpacked: where they are unpacked.
        seal: closes and opens secrets.
        settings: how much an instance may take.
        subscriptions: events a plugin was subscribed to, by name.
    """

    def __init__(
        self,
        registry: Registry,
        unpacked: Unpacked,
        seal: Seal,
        settings: Callable[[], PluginSettings],
        subscriptions: Callable[[str], Mapping[str, Selection]],
    ) -> None:
        self._registry, self._unpacked, self._seal = registry, unpacked, seal
        self._settings, self._subscriptions = settings, subscriptions

    async def contents(self, plugin: str, version: str) -> Contents:
        """What is in a package.

        Raises:
            GatewayError: NOT_FOUND, there is none; UNAVAILABLE, it cannot be had now.
        """
        _, archive, place = await self._registry.archive(plugin, version)
        written = await self._registry.manifest(plugin, version)
        return Contents(
            plugin=plugin,
            version=version,
            archive=place,
            sha256=archive.sha256,
            written=written,
            manifest=_read(written),
        )

    async def manifest(self, plugin: str, version: str) -> Manifest:
        """What a package says of itself.

        Raises:
            GatewayError: NOT_FOUND, there is none; UNAVAILABLE.
        """
        return _read(await self._registry.manifest(plugin, version))

    async def unpack(self, contents: Contents) -> Path:
        """The directory of a package, as it should be.

        Raises:
            GatewayError: UNAVAILABLE, the package is damaged, or the disk does not take it.
        """
        try:
            return await trio.to_thread.run_sync(self._unpacked.prepare, contents)
        except PackageError as error:
            reason = (
                f"the file of {contents.plugin} {contents.version} is not the package that came ({error}): upload the "
                "same again"
            )
            raise GatewayError(Code.UNAVAILABLE, reason) from None
        except OSError as error:
            reason = f"{contents.plugin} {contents.version} cannot be unpacked: {error.strerror}"
            raise GatewayError(Code.UNAVAILABLE, reason) from None

    async def spec(self, instance: KeptInstance, clear: Mapping[str, Json]) -> Spec:
        """What the host runs.

        Args:
            instance: as it is kept.
            clear: its configuration with its secrets.

        Raises:
            GatewayError: NOT_FOUND, its package is not there; UNAVAILABLE.
        """
        contents = await self.contents(instance.plugin, instance.version)
        place = await self.unpack(contents)
        manifest, (bounds, quota) = contents.manifest, self.bounds()
        schema = manifest.config_schema
        found = {} if schema is None else await trio.to_thread.run_sync(find_secrets, schema, clear)
        return Spec(
            instance=instance.id,
            plugin=instance.plugin,
            version=instance.version,
            package=place,
            runtime=Runtime(manifest.entry.runtime),
            command=tuple(manifest.entry.command),
            permissions=instance.permissions,
            capabilities=tuple(manifest.capabilities),
            config=clear,
            secrets=texts(found),
            subscriptions=self._subscriptions(instance.plugin),
            quota=quota,
            bounds=bounds,
        )

    def bounds(self) -> tuple[Bounds, int]:
        """How much an instance may take now, and how many bytes of values it may keep."""
        settings = self._settings()
        return Bounds(memory=settings.memory, data=settings.data), settings.values

    async def configured(self, id_: str, manifest: Manifest, sent: Mapping[str, Json]) -> Configured:
        """A configuration that somebody wants for an instance, its defaults filled in.

        Raises:
            ConfigError: its schema does not allow it.
        """
        return await trio.to_thread.run_sync(self._configure, id_, manifest, sent)

    async def kept(self, instance: KeptInstance, manifest: Manifest, sent: Mapping[str, Json]) -> Mapping[str, Json]:
        """What was sent, with the secrets there are where their cover was sent.

        Raises:
            ConfigError: there are none in such a place.
        """
        if manifest.config_schema is None:
            return sent
        secrets = await self._secrets(instance)
        keep = partial(kept, manifest.config_schema, sent, instance.config, {} if secrets is None else secrets)
        return await trio.to_thread.run_sync(keep)

    async def opened(self, instance: KeptInstance) -> Mapping[str, Json]:
        """The configuration of an instance, with its secrets.

        Raises:
            GatewayError: UNAVAILABLE, they were sealed with another root key.
        """
        clear = await self.open(instance)
        if clear is None:
            raise GatewayError(
                Code.UNAVAILABLE, "its secrets were sealed with another root key: configure it with all of them anew"
            )
        return clear

    async def open(self, instance: KeptInstance) -> Mapping[str, Json] | None:
        """The same; None: they were sealed with another root key."""
        secrets = await self._secrets(instance)
        return None if secrets is None else uncovered(instance.config, secrets)

    async def _secrets(self, instance: KeptInstance) -> Secrets | None:
        """None: they cannot be opened."""
        if instance.sealed is None:
            return {}
        try:
            text = await trio.to_thread.run_sync(self._seal.open, instance.sealed, _place(instance.id))
        except SealError:
            return None
        found: dict[Place, Json] = dict(_DECODER.decode(text))  # type: ignore[arg-type] # JSON, read by msgspec
        return found

    def _configure(self, id_: str, manifest: Manifest, sent: Mapping[str, Json]) -> Configured:
        schema = manifest.config_schema
        if schema is None:
            if sent:
                raise ConfigError((next(iter(sent)),), "this plugin takes no configuration")
            return Configured(clear={}, shown={}, sealed=None)
        clear = completed(schema, sent)
        check_config(schema, clear)
        secrets = find_secrets(schema, clear)
        for place, value in secrets.items():
            if value == COVER:
                raise ConfigError(place, "there is no secret here that could be kept: send it")
        sealed = None
        if secrets:
            sealed = self._seal.close(msgspec.json.encode(list(secrets.items())).decode(), _place(id_))
        return Configured(clear=clear, shown=shown_of(clear, secrets), sealed=sealed, secrets=texts(secrets))


def check_permissions(manifest: Manifest, granted: tuple[str, ...]) -> None:
    """See that no more is granted than a plugin asks for.

    What the host knows may be narrowed; other words are the plugin's own, and are taken as they stand.

    Raises:
        GatewayError: INVALID.
    """
    asked = manifest.permissions
    parse_permissions(granted)
    beyond = set(covered(asked, granted))
    for index, text in enumerate(granted):
        if text in beyond:
            words = ", ".join(asked) or "nothing"
            raise invalid(f"permissions[{index}]", f"the plugin does not ask for it; it asks for: {words}", text)


def _place(id_: str) -> str:
    return f"config of {id_}"


def _read(written: bytes) -> Manifest:
    try:
        return read_manifest(written)
    except PackageError as error:
        raise GatewayError(Code.UNAVAILABLE, f"{error}: upload the package again") from None
