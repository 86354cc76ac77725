"""After a restart there is what there was, and what is wanted runs."""

from __future__ import annotations

from dataclasses import replace
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


async def test_other_limits_reach_what_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        runs, off = [(await site.instances.install(ADA, order())).kept.id for _ in range(2)]
        await site.instances.activate(ADA, runs)
        site.plugins.settings = replace(site.plugins.settings, memory=64_000_000, data=1_000_000, values=10)
        await site.installed.stock.bound()
        await becomes(site.instances, runs, State.ACTIVE)
        with trio.fail_after(60):
            while len(site.runner.sandboxes) < 2:  # noqa: ASYNC110 - threads are in it
                await trio.sleep(0.01)
        before, after = site.runner.sandboxes
        assert (before.bounds.memory, after.bounds.memory, after.bounds.data) == (128_000_000, 64_000_000, 1_000_000)
        await site.instances.activate(ADA, off)
        assert site.runner.sandboxes[-1].bounds == after.bounds
        # Of what it keeps at the gateway there is less at once, and nobody starts anew for that.
        site.plugins.settings = replace(site.plugins.settings, values=5)
        await site.installed.stock.bound()
        assert site.host.get(runs).spec.quota == 5
        assert len(site.runner.sandboxes) == 3


async def test_what_lies_there_of_nobody_is_told_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path) as site:
        kept = (await site.instances.install(ADA, order())).kept
        stranger = tmp_path / "instances" / "instance-0"
        stranger.mkdir()
    async with running(tmp_path, site):
        assert stranger.is_dir()
    said = capsys.readouterr().out
    assert str(stranger) in said
    assert kept.id not in said.partition("not installed")[2]


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
