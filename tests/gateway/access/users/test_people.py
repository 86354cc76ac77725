"""Administration: all or nothing, and never a password in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.access.users.first_admin import FirstAdmin
from gateway.access.users.people import People
from gateway.core.errors import Code, GatewayError
from tests.gateway.access.people import Household

PASSWORD = "correct horse battery"


@pytest.fixture
def house() -> Household:
    house = Household()
    house.add("boss")
    return house


@pytest.fixture
def people(house: Household, tmp_path: Path) -> People:
    return People(house.users, house.hasher, FirstAdmin(tmp_path, house.facts, house.users), house.facts)


async def test_people_are_added_changed_and_removed(house: Household, people: People) -> None:
    anna = await people.add("anna", ["viewer"], PASSWORD)
    assert anna.password == f"hash of {PASSWORD}"
    changed = await people.change(anna.id, roles=["operator"], password="staple battery horse")
    assert changed.roles == {"operator"}
    assert changed.password == "hash of staple battery horse"
    assert people.get(anna.id) == changed
    assert (await people.change(anna.id, disabled=True)).disabled
    await people.remove(anna.id)
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
        await people.change(before.id, **changes)  # type: ignore[arg-type]  # as a caller sends them
    assert error.value.code is code
    assert house.users.named("boss") == before


async def test_nothing_is_hashed_for_a_name_that_is_taken(house: Household, people: People) -> None:
    with pytest.raises(GatewayError) as error:
        await people.add("boss", ["admin"], "short")
    assert error.value.code is Code.CONFLICT
