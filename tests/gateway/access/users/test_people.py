"""Administration: all or nothing, and never a password in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.access.users.first_admin import FirstAdmin
from gateway.access.users.people import People
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from tests.gateway.access.people import Household

PASSWORD = "correct horse battery"
BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "token")


@pytest.fixture
def house() -> Household:
    house = Household()
    house.add("boss")
    return house


@pytest.fixture
def people(house: Household, tmp_path: Path) -> People:
    return People(house.users, house.hasher, FirstAdmin(tmp_path, house.facts, house.users), house.facts)


async def test_people_are_added_changed_and_removed(house: Household, people: People) -> None:
    anna = await people.add(BOSS, "anna", ["viewer"], PASSWORD)
    assert anna.password == f"hash of {PASSWORD}"
    changed = await people.change(BOSS, anna.id, roles=["operator"], password="staple battery horse")
    assert changed.roles == {"operator"}
    assert changed.password == "hash of staple battery horse"
    assert people.get(anna.id) == changed
    assert (await people.change(BOSS, anna.id, disabled=True)).disabled
    await people.remove(BOSS, anna.id)
    assert [user.name for user in people.all()] == ["boss"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"roles": ["emperor"], "password": PASSWORD}, Code.INVALID),
        ({"roles": ["viewer"], "password": "short"}, Code.INVALID),
        ({"roles": ["viewer"], "password": PASSWORD}, Code.CONFLICT),
    ],
)
async def test_of_a_change_that_fails_nothing_is_done(
    house: Household, people: People, changes: dict[str, object], code: Code
) -> None:
    before = house.users.named("boss")
    assert before is not None
    with pytest.raises(GatewayError) as error:
        await people.change(BOSS, before.id, **changes)  # type: ignore[arg-type]  # as a caller sends them
    assert error.value.code is code
    assert house.users.named("boss") == before


async def test_nothing_is_hashed_for_a_name_that_is_taken(house: Household, people: People) -> None:
    with pytest.raises(GatewayError) as error:
        await people.add(BOSS, "boss", ["admin"], "short")
    assert error.value.code is Code.CONFLICT


async def test_nobody_makes_or_changes_somebody_who_may_do_more(house: Household, people: People) -> None:
    little = Principal("client:x", frozenset({"system:write", "devices:read"}), Kind.CLIENT, "token")
    [boss] = house.users.all()
    ben = house.add("ben", "viewer")
    attempts = [
        people.add(little, "carla", ["admin"], PASSWORD),
        people.change(little, ben.id, roles=["admin"]),
        people.change(little, boss.id, password=PASSWORD),
        people.remove(little, boss.id),
        people.renew_code(little),
    ]
    for attempt in attempts:
        with pytest.raises(GatewayError) as error:
            await attempt
        assert error.value.code is Code.FORBIDDEN
    assert house.users.all() == [ben, boss]
