"""What is installed: by whom, of what, within which bounds; what runs, and what is told of it."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.instances import Owner, OwnerType
from gateway.plugins.host.states import State
from gateway.plugins.instances.instances import Instances
from gateway.plugins.instances.order import Change, Wanted
from gateway.plugins.instances.refusal import ConfigError
from tests.gateway.plugins.host.fakes import FakeProcess

from .scene import ADA, ASKED, BOB, BOSS, ID, KEY, order, publish, running

COVER = "********"


async def becomes(instances: Instances, id_: str, status: State) -> None:
    while (await instances.get(ADA, id_)).status is not status:  # noqa: ASYNC110 - virtual time
        await trio.sleep(0.1)


async def test_an_instance_is_installed_run_and_removed(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        made = await instances.install(ADA, order())
        assert (made.status, made.kept.version, made.kept.wanted) == (State.INACTIVE, "1.0.0", False)
        assert made.kept.owner == Owner(OwnerType.USER, "ada")
        assert made.kept.config == {"api_key": COVER, "retention_days": 90}
        id_ = made.kept.id
        active = await instances.activate(ADA, id_)
        assert (active.status, active.kept.wanted) == (State.ACTIVE, True)
        [sandbox] = site.runner.sandboxes
        assert sandbox.package == site.unpacked / ID / "1.0.0"
        assert (sandbox.package / "version.txt").read_text() == "1.0.0"
        assert (sandbox.bounds.memory, sandbox.bounds.data) == (
            site.plugins.settings.memory,
            site.plugins.settings.data,
        )
        assert site.host.get(id_).spec.config == {"api_key": KEY, "retention_days": 90}
        assert site.host.get(id_).spec.permissions == ("read-tags:boiler/plc/*",)
        assert (await instances.activate(ADA, id_)).status is State.ACTIVE
        assert (await instances.deactivate(ADA, id_)).status is State.INACTIVE
        await instances.deactivate(ADA, id_)
        await instances.uninstall(ADA, id_)
        with pytest.raises(GatewayError) as gone:
            await instances.get(ADA, id_)
        assert gone.value.code is Code.NOT_FOUND
        assert not sandbox.package.exists()
        assert not sandbox.data.exists()
        about = {"plugin_id": ID, "version": "1.0.0", "instance_id": id_}
        assert site.gateway.told == [
            ("plugin:installed", {**about, "status": "initializing", "installed_by": "user:ada"}),
            (
                "plugin:activated",
                {
                    "plugin_id": ID,
                    "instance_id": id_,
                    "capabilities": ["analytics:read"],
                    "health_status": "healthy",
                },
            ),
            ("plugin:deactivated", {**about, "status": "inactive", "by": "user:ada"}),
            ("plugin:uninstalled", {**about, "status": "inactive", "by": "user:ada"}),
        ]
        assert (await site.registry.get(ID)).downloads == 1


async def test_what_runs_is_stopped_before_it_is_removed(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        made = await instances.install(ADA, order(permissions=("use-storage",)))
        await instances.activate(ADA, made.kept.id)
        site.gateway.kept[made.kept.id, "x"] = "1"
        await instances.uninstall(ADA, made.kept.id)
        assert site.gateway.types()[-2:] == ["plugin:deactivated", "plugin:uninstalled"]
        assert site.runner.processes[0].destroyed == 1
        assert site.gateway.kept == {}


async def test_another_ones_instance_is_not_there_but_for_administrators(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        calls = (
            instances.get(BOB, id_),
            instances.logs(BOB, id_, 10, 0),
            instances.activate(BOB, id_),
            instances.deactivate(BOB, id_),
            instances.change(BOB, id_, Change(config={})),
            instances.suspend(BOB, id_),
            instances.resume(BOB, id_),
            instances.uninstall(BOB, id_),
        )
        for call in calls:
            with pytest.raises(GatewayError) as refused:
                await call
            assert refused.value.code is Code.NOT_FOUND
        assert await instances.list(BOB, Wanted()) == ([], 0)
        assert (await instances.get(BOSS, id_)).kept.id == id_
        assert (await instances.list(BOSS, Wanted()))[1] == 1


async def test_it_is_installed_for_an_organization_and_by_administrators_for_others(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        acme = await instances.install(ADA, order(owner=Owner(OwnerType.ORGANIZATION, "acme-corp")))
        assert (await instances.get(ADA, acme.kept.id)).kept.owner.id == "acme-corp"
        with pytest.raises(GatewayError) as refused:
            await instances.install(ADA, order(owner=Owner(OwnerType.USER, "bob")))
        assert (refused.value.code, refused.value.field) == (Code.FORBIDDEN, "owner")
        given = await instances.install(BOSS, order(owner=Owner(OwnerType.USER, "bob")))
        assert (await instances.get(BOB, given.kept.id)).kept.installed_by == "user:boss"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"plugin": "none"}, Code.NOT_FOUND, "plugin"),
        ({"version": "9.9.9"}, Code.INVALID, "version"),
        ({"permissions": ("write-tags",)}, Code.INVALID, "permissions[0]"),
        ({"permissions": ("use-storage", "read-tags")}, Code.INVALID, "permissions[1]"),
        ({"permissions": ("read-tags:",)}, Code.INVALID, "permissions"),
        ({"permissions": ("write-reports",)}, Code.INVALID, "permissions[0]"),
        ({"config": {}}, Code.INVALID, "config.api_key"),
        ({"config": {"api_key": "x"}}, Code.INVALID, "config.api_key"),
        ({"config": {"api_key": COVER}}, Code.INVALID, "config.api_key"),
        ({"config": {"api_key": KEY, "more": 1}}, Code.INVALID, "config.more"),
    ],
)
async def test_what_cannot_be_installed_is_refused_and_leaves_nothing(
    changes: dict[str, Any], code: Code, field: str | None, autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        with pytest.raises(GatewayError) as refused:
            await instances.install(ADA, order(**changes))
        assert (refused.value.code, refused.value.field) == (code, field)
        assert KEY not in str(refused.value.reason)
        assert await site.rows.all() == []
        assert list(site.unpacked.glob("*/*")) == []
        assert site.gateway.told == []


async def test_all_that_a_manifest_asks_for_can_be_granted(autojump_clock: MockClock, tmp_path: Path) -> None:
    told: list[list[str]] = []

    async def listens(process: FakeProcess) -> None:
        beginning = await process.hear()
        assert beginning is not None
        told.append(beginning["params"]["permissions"])
        await process.say({"id": beginning["id"], "result": {}})
        await process.behave()

    async with running(tmp_path, program=listens) as site:
        instances = site.instances
        made = await instances.install(ADA, order(permissions=tuple(ASKED)))
        assert made.kept.permissions == tuple(ASKED)
        # A word of the plugin's own opens nothing at the host; the plugin is told that it was granted.
        await instances.activate(ADA, made.kept.id)
        assert told == [ASKED]


async def test_so_many_and_no_more(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        site.plugins.settings = replace(site.plugins.settings, max_instances=1)
        made = await instances.install(ADA, order())
        with pytest.raises(GatewayError, match="max_instances") as refused:
            await instances.install(ADA, order())
        assert refused.value.code is Code.CONFLICT
        await instances.uninstall(ADA, made.kept.id)
        await instances.install(ADA, order())


async def test_one_directory_serves_all_instances_of_a_version(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        first, second = [(await instances.install(ADA, order())).kept.id for _ in range(2)]
        place = site.unpacked / ID / "1.0.0"
        await instances.uninstall(ADA, first)
        assert place.is_dir()
        await instances.uninstall(ADA, second)
        assert not place.exists()


async def test_another_version_is_run_with_all_that_was_kept(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        await instances.activate(ADA, id_)
        kept = site.runner.sandboxes[0].data / "kept"
        kept.write_text("from before")
        schema = {
            "type": "object",
            "properties": {"api_key": {"secret": True}, "retention_days": {}, "new": {"default": 7}},
        }
        await publish(site.plugins, "1.1.0", config_schema=schema, permissions=["read-tags"])
        moved = await instances.change(ADA, id_, Change(version="1.1.0"))
        assert (moved.kept.version, moved.kept.config["new"]) == ("1.1.0", 7)
        # It is wanted, so it is not "inactive" until its turn to be started comes.
        assert moved.status is State.INITIALIZING
        told = dict(site.gateway.told)["plugin:config_updated"]
        assert (told["status"], told["version"]) == ("initializing", "1.1.0")
        await becomes(instances, id_, State.ACTIVE)
        assert site.runner.sandboxes[1].package == site.unpacked / ID / "1.1.0"
        assert site.host.get(id_).spec.config["api_key"] == KEY
        assert kept.read_text() == "from before"
        assert not (site.unpacked / ID / "1.0.0").exists()
        assert site.gateway.types()[2:] == ["plugin:deactivated", "plugin:config_updated", "plugin:activated"]
        with pytest.raises(GatewayError) as refused:
            await instances.change(ADA, id_, Change(version="2.0.0"))
        assert refused.value.field == "version"


async def test_what_a_publisher_signed_who_is_trusted_no_more_is_not_installed_nor_moved_to(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with running(tmp_path) as site:
        instances, trusted = site.instances, site.plugins.settings
        id_ = (await instances.install(ADA, order())).kept.id
        await instances.activate(ADA, id_)
        await publish(site.plugins, "1.1.0")
        # Another key under the same name is another publisher: a stolen one was replaced.
        [publisher] = trusted.publishers
        other = base64.b64encode(bytes([*range(32)])).decode()
        for publishers in ((), (replace(publisher, key=other),)):
            site.plugins.settings = replace(trusted, publishers=publishers)
            for refused in (
                instances.install(ADA, order()),
                instances.install(ADA, order(version="1.0.0")),
                instances.change(ADA, id_, Change(version="1.1.0")),
            ):
                with pytest.raises(GatewayError, match=rf"signed by {publisher.name}, whose key no") as told:
                    await refused
                assert told.value.code is Code.CONFLICT
        assert len((await instances.list(ADA, Wanted()))[0]) == 1
        # What runs goes on, and can still be given less.
        changed = await instances.change(ADA, id_, Change(permissions=()))
        assert (changed.kept.version, changed.kept.permissions) == ("1.0.0", ())
        site.plugins.settings = trusted
        assert (await instances.change(ADA, id_, Change(version="1.1.0"))).kept.version == "1.1.0"


async def test_a_version_that_asks_for_more_gets_no_more_unless_somebody_grants_it(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        await publish(site.plugins, "1.1.0", permissions=["read-tags", "write-tags", "use-network"])
        moved = await instances.change(ADA, id_, Change(version="1.1.0"))
        assert moved.kept.permissions == ("read-tags:boiler/plc/*",)
        assert site.host.get(id_).spec.permissions == ("read-tags:boiler/plc/*",)
        await instances.activate(ADA, id_)
        assert [sandbox.network for sandbox in site.runner.sandboxes] == [False]


async def test_permissions_can_be_changed_within_what_is_asked_for(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        changed = await instances.change(ADA, id_, Change(permissions=("use-storage",), region="north"))
        assert (changed.kept.permissions, changed.kept.region) == (("use-storage",), "north")
        assert site.host.get(id_).spec.permissions == ("use-storage",)
        with pytest.raises(GatewayError) as refused:
            await instances.change(ADA, id_, Change(permissions=("write-tags",)))
        assert refused.value.field == "permissions[0]"


async def test_a_suspended_plugin_stops_its_instances_and_is_not_installed(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        on, off = [(await instances.install(ADA, order())).kept.id for _ in range(2)]
        await instances.activate(ADA, on)
        await instances.suspend_plugin(BOSS, ID)
        found, _ = await instances.list(ADA, Wanted(status=State.SUSPENDED))
        assert {one.kept.id for one in found} == {on, off}
        for call in (instances.install(ADA, order()), instances.activate(ADA, off)):
            with pytest.raises(GatewayError, match="suspended") as refused:
                await call
            assert refused.value.code is Code.CONFLICT
        await instances.resume_plugin(ID)
        await becomes(instances, on, State.ACTIVE)
        assert (await instances.get(ADA, off)).status is State.INACTIVE


async def test_a_suspended_instance_runs_again_when_it_is_resumed(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        await instances.activate(ADA, id_)
        assert (await instances.suspend(BOSS, id_)).status is State.SUSPENDED
        with pytest.raises(GatewayError, match="administrator"):
            await instances.activate(ADA, id_)
        await instances.suspend_plugin(BOSS, ID)
        assert (await instances.resume(BOSS, id_)).status is State.SUSPENDED, "its plugin is"
        await instances.resume_plugin(ID)
        await becomes(instances, id_, State.ACTIVE)


async def test_a_plugin_is_not_removed_while_there_are_instances(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        with pytest.raises(GatewayError, match="uninstall first") as refused:
            await instances.remove_plugin(ID)
        assert refused.value.code is Code.CONFLICT
        await instances.uninstall(ADA, id_)
        await instances.remove_plugin(ID)
        with pytest.raises(GatewayError, match="there is no plugin"):
            await site.registry.get(ID)


async def test_lists_are_filtered_sorted_and_cut(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
        other = await publish(site.plugins, name="Another")
        one = (await instances.install(ADA, order())).kept.id
        two = (await instances.install(ADA, order(plugin=other))).kept.id
        three = (await instances.install(ADA, order(owner=Owner(OwnerType.ORGANIZATION, "acme-corp")))).kept.id
        await instances.activate(ADA, two)

        async def ids(**wanted: Any) -> tuple[list[str], int]:
            found, total = await instances.list(ADA, Wanted(**wanted))
            return [shown.kept.id for shown in found], total

        assert await ids() == ([one, two, three], 3)
        assert await ids(plugin=ID) == ([one, three], 2)
        assert await ids(status=State.ACTIVE) == ([two], 1)
        assert await ids(owner="acme-corp") == ([three], 1)
        assert await ids(offset=1, limit=1) == ([two], 3)
        assert await ids(order=(("created_at", True),)) == ([three, two, one], 3)
        assert await ids(order=(("plugin", False), ("created_at", True))) == ([two, three, one], 3)


async def test_a_failing_start_is_an_error_that_is_told(autojump_clock: MockClock, tmp_path: Path) -> None:
    async def falls(process: FakeProcess) -> None:
        process.end(3)

    async with running(tmp_path, program=falls) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        shown = await instances.activate(ADA, id_)
        assert shown.status is State.ERROR
        assert shown.report is not None
        assert shown.report.fall is not None
        assert shown.report.fall.reason == "ended"
        assert site.gateway.types()[-1] == "plugin:error"


async def test_who_does_not_start_at_once_is_waited_for_so_long_and_no_longer(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async def slow(process: FakeProcess) -> None:
        await process.hear()
        await trio.sleep(20)
        await process.say({"id": 1, "result": {}})
        await process.behave()

    async with running(tmp_path, program=slow) as site:
        instances = site.instances
        id_ = (await instances.install(ADA, order())).kept.id
        begun = trio.current_time()
        assert (await instances.activate(ADA, id_)).status is State.INITIALIZING
        assert 9 < trio.current_time() - begun < 12
        assert (await instances.deactivate(ADA, id_)).status is State.INACTIVE


async def test_before_they_are_read_from_the_disk_there_are_none_to_ask_for(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        instances = site.instances
    for call in (instances.list(ADA, Wanted()), instances.install(ADA, order()), instances.remove_plugin(ID)):
        with pytest.raises(GatewayError) as refused:
            await call
        assert refused.value.code is Code.UNAVAILABLE
    assert site.gateway.told == []


def test_a_fault_of_a_configuration_names_its_place() -> None:
    assert ConfigError(("a", 1, "b"), "is wrong").field == "config.a[1].b"
