"""After a restart there is what there was, and what is wanted runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from gateway.core.errors import GatewayError
from gateway.plugins.host.states import State
from gateway.plugins.instances.instances import Instances
from gateway.plugins.instances.order import Wanted

from .scene import ADA, BOSS, ID, KEY, order, running


async def becomes(instances: Instances, id_: str, status: State) -> None:
    with trio.fail_after(60):
        while (await instances.get(ADA, id_)).status is not status:  # noqa: ASYNC110 - threads are in it
            await trio.sleep(0.01)


async def test_what_is_wanted_runs_again(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        on, off, stopped, suspended = [(await site.instances.install(ADA, order())).kept.id for _ in range(4)]
        for id_ in (on, stopped, suspended):
            await site.instances.activate(ADA, id_)
        await site.instances.deactivate(ADA, stopped)
        await site.instances.suspend(BOSS, suspended)
        before = {one.kept.id: one.kept for one in site.instances.all()}
    async with running(tmp_path, site) as after:
        await becomes(after.instances, on, State.ACTIVE)
        for id_, status in ((off, State.INACTIVE), (stopped, State.INACTIVE), (suspended, State.SUSPENDED)):
            await becomes(after.instances, id_, status)
        assert {one.kept.id: one.kept for one in after.instances.all()} == before
        assert after.host.get(on).spec.config["api_key"] == KEY
        assert after.gateway.types() == ["plugin:activated"]


async def test_while_its_plugin_is_suspended_nothing_runs_again(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        id_ = (await site.instances.install(ADA, order())).kept.id
        await site.instances.activate(ADA, id_)
        await site.instances.suspend_plugin(BOSS, ID)
    async with running(tmp_path, site) as after:
        await becomes(after.instances, id_, State.SUSPENDED)
        await after.instances.resume_plugin(ID)
        await becomes(after.instances, id_, State.ACTIVE)


async def test_a_removal_that_did_not_come_to_its_end_does_so(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        kept = (await site.instances.install(ADA, order())).kept
        await site.instances.activate(ADA, kept.id)
        data = site.runner.sandboxes[0].data
        (data / "left").write_text("behind")
    # As it is when the gateway was killed in the middle.
    await site.rows.give_up(kept.id)
    async with running(tmp_path, site) as after:
        assert await after.instances.list(BOSS, Wanted()) == ([], 0)
        assert not data.exists()
        assert await after.rows.given_up() == []
        assert list(after.unpacked.glob("*/*")) == []


async def test_a_lost_package_is_said_and_can_be_brought_back(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        id_ = (await site.instances.install(ADA, order())).kept.id
        await site.instances.activate(ADA, id_)
        archive = site.plugins.directory / ID / "1.0.0.tar.gz"
        content = archive.read_bytes()
    archive.unlink()
    (site.unpacked / ID / "1.0.0" / "main.py").chmod(0o644)
    (site.unpacked / ID / "1.0.0" / "main.py").write_bytes(b"evil")
    async with running(tmp_path, site) as after:
        await becomes(after.instances, id_, State.ERROR)
        [shown] = after.instances.all()
        assert "upload the same package again" in (shown.trouble or "")
        archive.write_bytes(content)
        assert (await after.instances.activate(ADA, id_)).status is State.ACTIVE
        assert (after.unpacked / ID / "1.0.0" / "main.py").read_bytes() != b"evil"


async def test_a_package_that_was_changed_does_not_run(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        id_ = (await site.instances.install(ADA, order())).kept.id
        (site.plugins.directory / ID / "1.0.0.tar.gz").write_bytes(b"evil")
        (site.unpacked / ID / "1.0.0" / "main.py").chmod(0o644)
        (site.unpacked / ID / "1.0.0" / "main.py").write_bytes(b"evil")
        with pytest.raises(GatewayError, match="upload the same"):
            await site.instances.activate(ADA, id_)
        assert site.runner.sandboxes == []
