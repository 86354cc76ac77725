"""The registry when several want the same at once, and when the disk gives up in the middle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.plugins import PluginStatus, Release
from gateway.core.principal import Kind, Principal
from gateway.plugins.registry.naming import slug
from gateway.plugins.registry.shelf import NextPiece, Shelf
from tests.gateway.api.registry import Plugins
from tests.gateway.plugins.making import FILES, MANIFEST, package

ME = Principal("agent-6", frozenset({"plugins:write"}), Kind.OPERATOR, "t")
RELEASE = Release(
    name=MANIFEST["name"],
    version=MANIFEST["version"],
    description=MANIFEST["description"],
    category=MANIFEST["category"],
    license=MANIFEST["license"],
    tags=tuple(MANIFEST["tags"]),
)
ID = slug(RELEASE.name)


@pytest.fixture
def plugins(tmp_path: Path) -> Plugins:
    return Plugins(tmp_path)


def sending(content: bytes) -> NextPiece:
    left = [content[at : at + 100] for at in range(0, len(content), 100)]

    async def piece() -> bytes:
        await trio.lowlevel.checkpoint()
        return left.pop(0) if left else b""

    return piece


async def outcomes(*calls: Callable[[], Awaitable[object]]) -> list[str]:
    """What became of calls that were made at once."""
    ended: list[str] = []

    async def one(call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
            ended.append("done")
        except GatewayError as error:
            ended.append(error.code.value)

    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(one, call)
    return sorted(ended)


async def test_of_two_who_want_one_name_one_gets_it(plugins: Plugins) -> None:
    registry = plugins.parts.registry
    assert await outcomes(*[lambda: registry.publish(ME, RELEASE)] * 3) == ["conflict", "conflict", "done"]


async def test_of_two_packages_for_a_version_one_is_kept(plugins: Plugins) -> None:
    registry = plugins.parts.registry
    await registry.publish(ME, RELEASE)
    packages = [package({**FILES, "more.py": bytes([number])}) for number in range(3)]
    calls = [lambda content=content: registry.receive(ME, ID, "1.0.0", sending(content)) for content in packages]
    assert await outcomes(*calls) == ["conflict", "conflict", "done"]
    _, archive, place = await registry.archive(ID)
    content = place.read_bytes()
    assert content in packages
    assert archive.size == len(content)


async def test_what_is_said_of_a_version_while_its_package_comes_counts(plugins: Plugins) -> None:
    registry = plugins.parts.registry
    await registry.publish(ME, RELEASE)
    rest = sending(package(FILES))
    changes = [replace(RELEASE, config_schema={"type": "object", "properties": {"other": {}}})]

    async def piece() -> bytes:
        if changes:
            await registry.change(ME, ID, changes.pop())
        return await rest()

    with pytest.raises(GatewayError, match="config_schema") as refused:
        await registry.receive(ME, ID, RELEASE.version, piece)
    assert refused.value.code is Code.INVALID
    assert (await registry.get(ID)).packaged is None


async def test_a_package_whose_row_the_disk_did_not_take_can_be_sent_again(plugins: Plugins) -> None:
    registry = plugins.parts.registry
    await registry.publish(ME, RELEASE)
    plugins.tables.full = True
    with pytest.raises(GatewayError) as refused:
        await registry.receive(ME, ID, "1.0.0", sending(package()))
    assert refused.value.code is Code.UNAVAILABLE
    plugins.tables.full = False
    with pytest.raises(GatewayError, match="there is no archive"):
        await registry.archive(ID)
    _, new = await registry.receive(ME, ID, "1.0.0", sending(package()))
    assert new


async def test_a_package_for_a_suspended_plugin_does_not_wake_it(plugins: Plugins) -> None:
    registry = plugins.parts.registry
    await registry.publish(ME, RELEASE)
    await registry.suspend(ID)
    plugin, _ = await registry.receive(ME, ID, "1.0.0", sending(package()))
    assert plugin.status is PluginStatus.SUSPENDED
    assert (await registry.resume(ID)).status is PluginStatus.ACTIVE


async def test_only_the_publisher_sends_packages(plugins: Plugins) -> None:
    registry = plugins.parts.registry
    await registry.publish(ME, RELEASE)
    other = Principal("agent-7", frozenset({"plugins:write"}), Kind.OPERATOR, "t")
    with pytest.raises(GatewayError, match="another publisher"):
        await registry.receive(other, ID, "1.0.0", sending(package()))


def test_what_was_coming_in_when_the_power_failed_is_removed_at_the_start(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "x.part").write_bytes(b"half")
    (tmp_path / "scale").mkdir()
    shelf.place("scale", "1.0.0").write_bytes(b"whole")
    shelf.clear()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["1.0.0.tar.gz"]
    Shelf(tmp_path / "none").clear()
