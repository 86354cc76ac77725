"""A secret goes to the process of its instance, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.core.errors import Code, GatewayError
from gateway.plugins.host.states import State
from gateway.plugins.instances.order import Change
from tests.gateway.plugins.host.fakes import FakeProcess

from .scene import ADA, KEY, Site, order, running

COVER = "********"
OTHER = "sk-canary-0815"


def on_disk(site: Site) -> bytes:
    """The file of plugins, as it is."""
    return site.plugins.tables._connection.serialize()


def nowhere(site: Site, *places: object) -> None:
    for canary in (KEY, OTHER):
        assert canary.encode() not in on_disk(site)
        for place in (site.gateway.told, *places):
            assert canary not in repr(place)


async def test_secrets_are_covered_everywhere_but_in_the_process(tmp_path: Path) -> None:
    heard: list[Any] = []

    async def listens(process: FakeProcess) -> None:
        while (message := await process.hear()) is not None:
            heard.append(message.get("params", {}).get("config"))
            await process.say({"id": message["id"], "result": {"status": "healthy"}})
        process.end(0)

    with capture_logs() as logs:
        async with running(tmp_path, program=listens) as site:
            made = await site.instances.install(ADA, order())
            id_ = made.kept.id
            active = await site.instances.activate(ADA, id_)
            assert active.status is State.ACTIVE
            changed = await site.instances.change(ADA, id_, Change(config={"api_key": OTHER, "retention_days": 30}))
            assert changed.kept.config == {"api_key": COVER, "retention_days": 30}
            log = await site.instances.logs(ADA, id_, 100, 0)
            nowhere(site, made, active, changed, log, site.instances.all(), logs, site.host.get(id_).spec)
            await site.instances.uninstall(ADA, id_)
        nowhere(site, logs)
    assert [config["api_key"] for config in heard if config] == [KEY, OTHER]


async def test_the_cover_sent_back_leaves_the_secret_as_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        made = await site.instances.install(ADA, order())
        id_ = made.kept.id
        for change in (
            Change(config={**made.kept.config, "retention_days": 7}),
            Change(config={"retention_days": 8}, merge=True),
            Change(config={"api_key": COVER, "retention_days": 9}, merge=True),
        ):
            assert (await site.instances.change(ADA, id_, change)).kept.config["api_key"] == COVER
            assert site.host.get(id_).spec.config["api_key"] == KEY
        assert site.gateway.types() == ["plugin:installed", *["plugin:config_updated"] * 3]
        [before] = site.instances.all()
        again = await site.instances.change(ADA, id_, Change(config=before.kept.config))
        assert again.kept == before.kept, "nothing was changed"
        assert len(site.gateway.told) == 4
        with pytest.raises(GatewayError) as refused:
            await site.instances.change(ADA, id_, Change(config={"retention_days": 9}))
        assert refused.value.field == "config.api_key"


async def test_a_configuration_the_plugin_refuses_is_not_kept(tmp_path: Path) -> None:
    async def refuses(process: FakeProcess) -> None:
        await process.behave({"config": {"code": -32000, "message": f"no such account: {OTHER}"}})

    async with running(tmp_path, program=refuses) as site:
        id_ = (await site.instances.install(ADA, order())).kept.id
        await site.instances.activate(ADA, id_)
        with pytest.raises(GatewayError, match="no such account") as refused:
            await site.instances.change(ADA, id_, Change(config={"api_key": OTHER}))
        assert (refused.value.code, refused.value.field) == (Code.INVALID, "config")
        assert OTHER not in refused.value.reason
        assert site.host.get(id_).spec.config["api_key"] == KEY
    async with running(tmp_path, site) as after:
        await after.instances.activate(ADA, id_)
        assert after.host.get(id_).spec.config["api_key"] == KEY


async def test_what_the_disk_does_not_take_is_not_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        id_ = (await site.instances.install(ADA, order())).kept.id
        await site.instances.activate(ADA, id_)
        site.plugins.tables.full = True
        calls = (
            site.instances.change(ADA, id_, Change(config={"api_key": OTHER})),
            site.instances.change(ADA, id_, Change(permissions=())),
            site.instances.deactivate(ADA, id_),
            site.instances.uninstall(ADA, id_),
            site.instances.install(ADA, order()),
        )
        for call in calls:
            with pytest.raises(GatewayError) as refused:
                await call
            assert refused.value.code is Code.UNAVAILABLE
        site.plugins.tables.full = False
        [there] = site.instances.all()
        assert (there.kept.id, there.kept.permissions) == (id_, ("read-tags:boiler/plc/*",))
        assert site.host.get(id_).spec.config["api_key"] == KEY
        assert len(list(site.unpacked.glob("*/*"))) == 1


async def test_with_another_root_key_a_configuration_has_to_be_said_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        id_ = (await site.instances.install(ADA, order())).kept.id
        await site.instances.activate(ADA, id_)
    async with running(tmp_path, site, key=bytes(32)) as after:
        shown = await after.instances.activate(ADA, id_)
        assert (shown.status, "another root key" in (shown.trouble or "")) == (State.ERROR, True)
        assert after.gateway.types()[-1] == "plugin:error"
        with pytest.raises(GatewayError) as refused:
            await after.instances.change(ADA, id_, Change(config={"retention_days": 7}, merge=True))
        assert refused.value.field == "config.api_key"
        await after.instances.change(ADA, id_, Change(config={"api_key": OTHER}))
        assert (await after.instances.activate(ADA, id_)).status is State.ACTIVE
        nowhere(after, replace(shown))
