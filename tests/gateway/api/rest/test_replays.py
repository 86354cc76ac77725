"""A request that comes twice with a key is carried out once, and nobody is shown the answer to another (D-179)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.api.rest.replays import GOOD_FOR, Replays
from gateway.api.rest.route import Route
from gateway.api.rest.table import plugin_routes
from gateway.core.principal import Kind, Principal
from gateway.core.sealing import Seal
from gateway.storage.database import Database
from gateway.storage.replay_store import MOST, MOST_OF_CALLER, StoredReplays
from tests.gateway.api.registry import Plugins, Tables
from tests.gateway.api.rest.wells import TABLE
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

HOOK = {"data": {"url": "https://10.0.0.9/in", "events": ["device:*"]}}
BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


@dataclass
class Disk:
    """The file of plugins, and the clock."""

    tables: Tables = field(default_factory=Tables)
    now: float = 1_800_000_000.0

    @property
    def store(self) -> StoredReplays:
        return StoredReplays(cast("Database", self.tables))

    def replays(self) -> Replays:
        """As they are after a start: with nothing in memory."""
        return Replays(self.store, b"s" * 32, Seal(b"k" * 32), lambda: self.now)

    def rows(self) -> list[tuple[Any, ...]]:
        return list(self.tables._connection.execute("SELECT name, caller, mark, answer FROM replay ORDER BY number"))


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def gateway(tmp_path: Path, disk: Disk, services: Services, plugins: Plugins) -> Rig:
    routes = plugin_routes(services.parts, plugins.parts)
    return Rig(tmp_path, routes=routes, services=services, replays=disk.replays())


@pytest.fixture
async def wells(tmp_path: Path, disk: Disk) -> AsyncIterator[httpx.AsyncClient]:
    async with Rig(tmp_path, routes=TABLE, replays=disk.replays()).in_memory() as client:
        yield client


async def make(client: httpx.AsyncClient, name: str, key: str = "k", **headers: str) -> httpx.Response:
    return await client.post("/v1/wells", json={"data": {"name": name}}, headers={"Idempotency-Key": key, **headers})


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["errors"][0]["code"]


async def test_what_comes_twice_is_made_once_and_answered_the_same(api: httpx.AsyncClient) -> None:
    first = await api.post("/v1/webhooks", json=HOOK, headers=KEY)
    again = await api.post("/v1/webhooks", json=HOOK, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert (again.content, again.headers["location"]) == (first.content, first.headers["location"])
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert len((await api.get("/v1/webhooks")).json()["data"]) == 1
    await api.post("/v1/webhooks", json=HOOK, headers={"Idempotency-Key": "another"})
    await api.post("/v1/webhooks", json=HOOK)
    assert len((await api.get("/v1/webhooks")).json()["data"]) == 3


async def test_events_and_messages_are_sent_once(api: httpx.AsyncClient) -> None:
    event = {"data": {"event_type": "user:action", "payload": {}}}
    message = {"data": {"to_agent": "Agent-2", "content": "hello"}}
    for path, body in (("/v1/events", event), ("/v1/messages", message)):
        first = await api.post(path, json=body, headers={"Idempotency-Key": path})
        again = await api.post(path, json=body, headers={"Idempotency-Key": path})
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers["idempotency-replayed"] == "true"


async def test_a_secret_is_shown_again_and_does_not_lie_on_the_disk(api: httpx.AsyncClient, disk: Disk) -> None:
    first = await api.post("/v1/webhooks", json=HOOK, headers=KEY)
    secret = first.json()["data"]["signing_secret"]
    again = await api.post("/v1/webhooks", json=HOOK, headers=KEY)
    assert again.json()["data"]["signing_secret"] == secret
    kept = b"".join(value for row in disk.rows() for value in row)
    assert secret.encode() not in kept
    assert KEY["Idempotency-Key"].encode() not in kept
    assert b"operator" not in kept
    assert b"10.0.0.9" not in kept


async def test_the_same_members_are_the_same_request_however_they_are_written(wells: httpx.AsyncClient) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    first = await wells.post("/v1/wells", content=b'{"data":{"name":"n","secret":"s"}}', headers=headers)
    again = await wells.post("/v1/wells", content=b'{ "data": {"secret":"s", "name":"n"} }', headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content


async def test_a_key_is_for_one_request(api: httpx.AsyncClient) -> None:
    await api.post("/v1/webhooks", json=HOOK, headers=KEY)
    other = {"data": {**HOOK["data"], "active": False}}
    event = {"data": {"event_type": "user:action", "payload": {}}}
    for path, body in (("/v1/webhooks", other), ("/v1/events", event)):
        reply = await api.post(path, json=body, headers=KEY)
        assert code(reply) == (422, "idempotency_key_reused")
        assert reply.json()["errors"][0]["source"] == {"header": "Idempotency-Key"}
    assert len((await api.get("/v1/webhooks")).json()["data"]) == 1


async def test_nobody_is_answered_what_another_was(gateway: Rig, api: httpx.AsyncClient) -> None:
    """Not another operator, and not another program; but the next token of the same program is the same caller."""
    del api.headers["authorization"]
    operators = [gateway.bearer("*") for _ in range(2)]
    found = [await api.post("/v1/webhooks", json=HOOK, headers={**KEY, **own}) for own in operators]
    for name in ("one", "two"):
        made, secret = await gateway.access.clients.add(BOSS, name=name, roles={"admin"})
        form = {"grant_type": "client_credentials", "client_id": made.id, "client_secret": str(secret)}
        tokens = [(await api.post("/v1/auth/token", data=form)).json()["access_token"] for _ in range(2)]
        assert tokens[0] != tokens[1]
        first, again = [
            await api.post("/v1/webhooks", json=HOOK, headers={**KEY, "Authorization": f"Bearer {token}"})
            for token in tokens
        ]
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
        found.append(first)
    assert all("idempotency-replayed" not in reply.headers for reply in found)
    assert len({reply.json()["data"]["id"] for reply in found}) == 4


async def test_who_may_not_make_it_any_more_is_not_shown_it(gateway: Rig, api: httpx.AsyncClient) -> None:
    del api.headers["authorization"]
    made, secret = await gateway.access.clients.add(BOSS, name="one", roles={"admin"})
    form = {"grant_type": "client_credentials", "client_id": made.id, "client_secret": str(secret)}
    replies = []
    for scope in ("webhooks:write", "webhooks:read"):
        token = (await api.post("/v1/auth/token", data={**form, "scope": scope})).json()["access_token"]
        headers = {**KEY, "Authorization": f"Bearer {token}"}
        replies.append((await api.post("/v1/webhooks", json=HOOK, headers=headers)).status_code)
    assert replies == [201, 403]


async def test_while_the_first_is_under_way_the_second_waits_for_another_time(
    autojump_clock: MockClock, wells: httpx.AsyncClient
) -> None:
    replies: list[httpx.Response] = []

    async def first() -> None:
        replies.append(await make(wells, "slow"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await trio.testing.wait_all_tasks_blocked(0.001)
        second = await make(wells, "slow")
    assert code(second) == (409, "in_flight")
    assert second.headers["retry-after"] == "1"
    # The time for the first ran out, and whether there is a well nobody can say.
    assert replies[0].status_code == 503
    assert code(await make(wells, "slow")) == (409, "outcome_unknown")


async def test_what_was_refused_may_come_again_mended(wells: httpx.AsyncClient, disk: Disk) -> None:
    assert code(await make(wells, "taken"))[0] == 409
    assert code(await make(wells, "later"))[0] == 503
    assert (await wells.post("/v1/wells", json={"data": {"nam": 1}}, headers={"Idempotency-Key": "k"})).is_error
    assert disk.rows() == []
    assert (await make(wells, "fine")).status_code == 201
    assert (await make(wells, "fine")).headers["idempotency-replayed"] == "true"


async def test_a_fault_leaves_it_open_what_was_done(wells: httpx.AsyncClient) -> None:
    assert (await make(wells, "broken")).status_code == 500
    reply = await make(wells, "broken")
    assert code(reply) == (409, "outcome_unknown")
    assert "take a new key" in reply.json()["detail"]


async def test_it_is_known_after_a_restart(tmp_path: Path, disk: Disk) -> None:
    own: dict[str, str] = {}
    replies = []
    for _ in range(2):
        rig = Rig(tmp_path, routes=TABLE, replays=disk.replays())
        # The same token: it is what tells one operator from another.
        own = own or rig.bearer()
        async with rig.in_memory() as client:
            replies.append(await make(client, "n", **own))
    assert replies[1].headers["idempotency-replayed"] == "true"
    assert replies[0].content == replies[1].content


async def test_it_is_forgotten_after_a_day(wells: httpx.AsyncClient, disk: Disk) -> None:
    await make(wells, "n")
    disk.now += GOOD_FOR - 1
    assert "idempotency-replayed" in (await make(wells, "n")).headers
    disk.now += 1
    assert "idempotency-replayed" not in (await make(wells, "n")).headers
    assert len(disk.rows()) == 1


async def test_a_clock_that_is_set_back_keeps_nothing_for_ever(disk: Disk) -> None:
    await disk.store.begin(b"n", b"c", b"m", disk.now, disk.now - GOOD_FOR)
    before = disk.now - 2 * GOOD_FOR
    await disk.store.begin(b"o", b"c", b"m", before, before - GOOD_FOR)
    assert [row[0] for row in disk.rows()] == [b"o"]


async def test_each_caller_has_its_share_and_takes_nothing_from_others(disk: Disk) -> None:
    store, since = disk.store, disk.now - GOOD_FOR
    await store.begin(b"quiet", b"quiet", b"m", disk.now, since)
    for number in range(MOST_OF_CALLER + 20):
        await store.begin(b"%d" % number, b"loud", b"m", disk.now, since)
    names = [row[0] for row in disk.rows()]
    assert len(names) == MOST_OF_CALLER + 1
    assert names[0] == b"quiet"
    assert names[-1] == b"%d" % (MOST_OF_CALLER + 19)
    for number in range(MOST + 10):
        await store.begin(b"x%d" % number, b"%d" % number, b"m", disk.now, since)
    assert len(disk.rows()) == MOST


async def test_a_disk_that_takes_no_key_has_nothing_done(api: httpx.AsyncClient, disk: Disk) -> None:
    disk.tables.full = True
    reply = await api.post("/v1/webhooks", json=HOOK, headers=KEY)
    assert reply.status_code == 503
    assert reply.headers["retry-after"]
    assert (await api.get("/v1/webhooks")).json()["data"] == []
    disk.tables.full = False
    assert (await api.post("/v1/webhooks", json=HOOK, headers=KEY)).status_code == 201


async def test_an_answer_that_is_sealed_with_another_key_is_not_guessed(tmp_path: Path, disk: Disk) -> None:
    other = Replays(disk.store, b"s" * 32, Seal(b"o" * 32), lambda: disk.now)
    own: dict[str, str] = {}
    replies = []
    for replays in (disk.replays(), other):
        services = Services()
        rig = Rig(tmp_path, routes=plugin_routes(services.parts, Plugins(tmp_path).parts), replays=replays)
        own = own or rig.bearer("*")
        async with rig.in_memory() as client:
            replies.append(await client.post("/v1/webhooks", json=HOOK, headers={**KEY, **own}))
    assert replies[0].status_code == 201
    assert code(replies[1]) == (409, "outcome_unknown")


async def test_a_key_with_quotes_is_the_one_without(wells: httpx.AsyncClient) -> None:
    """As the draft has it (RFC 9651, 3.3.3), and as most clients write it."""
    await make(wells, "n", '"abc-1"')
    assert "idempotency-replayed" in (await make(wells, "n", "abc-1")).headers


@pytest.mark.parametrize("key", ["", '""', "two words", '"open', "x" * 256, "caf\xe9"])
async def test_no_other_key_is_taken(wells: httpx.AsyncClient, key: str) -> None:
    reply = await wells.post(
        "/v1/wells", json={"data": {"name": "n"}}, headers={b"idempotency-key": key.encode("latin-1")}
    )
    assert code(reply) == (400, "invalid")


async def test_a_key_that_stands_twice_is_none(wells: httpx.AsyncClient) -> None:
    headers = [(b"idempotency-key", b"a"), (b"idempotency-key", b"b")]
    assert code(await wells.post("/v1/wells", json={"data": {"name": "n"}}, headers=headers)) == (400, "invalid")


async def test_what_is_the_same_twice_anyway_takes_none(wells: httpx.AsyncClient, disk: Disk) -> None:
    for _ in range(2):
        reply = await wells.patch("/v1/wells/w1", json={"data": {"name": "n"}}, headers=KEY)
        assert reply.status_code == 200
        assert "idempotency-replayed" not in reply.headers
    assert (await wells.get("/v1/wells", headers=KEY)).status_code == 200
    assert disk.rows() == []


async def test_what_makes_something_takes_a_key_and_what_shows_a_secret_is_sealed(gateway: Rig) -> None:
    routes: tuple[Route, ...] = gateway.app._plugins._routes  # type: ignore[attr-defined]  # it is more than that
    keyed = {route.name for route in routes if route.keyed}
    assert {"webhook.create", "event.publish", "message.send", "plugin.publish", "review.write"} <= keyed
    assert not {"webhook.pause", "plugin.replace", "webhook.list", "tools.test", "auth.token"} & keyed
    sealed = {route.name for route in routes if route.keyed and route.confidential}
    assert {"webhook.create", "client.create", "api_key.create", "user.renew_code"} <= sealed
    assert not {"event.publish", "message.send", "plugin.publish"} & sealed


async def test_the_description_tells_of_it(api: httpx.AsyncClient) -> None:
    paths = (await api.get("/v1/openapi.json")).json()["paths"]
    again = paths["/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"]["post"]
    assert "422" in again["responses"], "a key of another request"
    operation = paths["/v1/webhooks"]["post"]
    assert {"$ref": "#/components/parameters/Idempotency-Key"} in operation["parameters"]
    assert "Idempotency-Replayed" in operation["responses"]["201"]["headers"]
