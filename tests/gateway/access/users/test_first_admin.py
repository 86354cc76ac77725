"""The code for the first administrator: on the board, once, and only while there is none."""

from __future__ import annotations

import stat
from functools import partial
from pathlib import Path

import pytest

from gateway.access.users.first_admin import CODE_FILE, MOST_ATTEMPTS, FirstAdmin
from gateway.access.users.people import People
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from tests.gateway.access.people import Household

PASSWORD = "correct horse battery"
BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "token")


async def begun(house: Household, state: Path) -> tuple[FirstAdmin, People]:
    first = FirstAdmin(state, house.facts, house.users)
    await first.begin()
    return first, People(house.users, house.hasher, first, house.facts)


def code_on(state: Path) -> str:
    return (state / CODE_FILE).read_text().strip()


async def test_a_code_lies_on_the_board_for_its_owner_alone(tmp_path: Path) -> None:
    house = Household()
    await begun(house, tmp_path)
    code = code_on(tmp_path)
    assert stat.S_IMODE((tmp_path / CODE_FILE).stat().st_mode) == 0o600
    assert len(code.replace("-", "")) == 20
    assert code not in repr(house.facts.kinds)
    assert code.replace("-", "") not in repr(house.facts.kinds)


async def test_it_makes_one_administrator_and_is_burnt(tmp_path: Path) -> None:
    house = Household()
    _, people = await begun(house, tmp_path)
    code = code_on(tmp_path)
    user = await people.add_first(f"  {code.upper().replace('-', ' ')} ", "Anna", PASSWORD)
    assert user.name == "anna"
    assert user.roles == {"admin"}
    assert not (tmp_path / CODE_FILE).exists()
    with pytest.raises(GatewayError) as error:
        await people.add_first(code, "ben", PASSWORD)
    assert error.value.code is Code.CONFLICT
    assert len(house.users.all()) == 1


async def test_nothing_brings_it_back_while_there_is_an_administrator(tmp_path: Path) -> None:
    house = Household()
    first, people = await begun(house, tmp_path)
    await people.add_first(code_on(tmp_path), "anna", PASSWORD)
    house.restart()
    first, people = await begun(house, tmp_path)
    assert not (tmp_path / CODE_FILE).exists()
    for again in (first.renew, partial(people.renew_code, BOSS)):
        with pytest.raises(GatewayError) as error:
            await again()
        assert error.value.code is Code.CONFLICT


async def test_it_outlives_a_restart_and_so_do_attempts(tmp_path: Path) -> None:
    house = Household()
    _, people = await begun(house, tmp_path)
    code = code_on(tmp_path)
    for _ in range(MOST_ATTEMPTS - 1):
        with pytest.raises(GatewayError) as error:
            await people.add_first("wrong", "anna", PASSWORD)
        assert error.value.code is Code.FORBIDDEN
        house.restart()
        _, people = await begun(house, tmp_path)
        assert code_on(tmp_path) == code
    with pytest.raises(GatewayError):
        await people.add_first("wrong", "anna", PASSWORD)
    with pytest.raises(GatewayError, match="--renew"):
        await people.add_first(code, "anna", PASSWORD)
    assert not (tmp_path / CODE_FILE).exists()

    renewed = await people.renew_code(BOSS)
    assert code_on(tmp_path) == renewed != code
    assert (await people.add_first(renewed, "anna", PASSWORD)).administers


async def test_a_bad_password_does_not_cost_the_code(tmp_path: Path) -> None:
    house = Household()
    _, people = await begun(house, tmp_path)
    for name, password in (("anna", "short"), ("no name", PASSWORD)):
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(GatewayError) as error:
                await people.add_first(code_on(tmp_path), name, password)
            assert error.value.code is Code.INVALID
    assert (await people.add_first(code_on(tmp_path), "anna", PASSWORD)).administers


async def test_a_file_that_was_deleted_is_made_anew_at_the_next_start(tmp_path: Path) -> None:
    house = Household()
    await begun(house, tmp_path)
    before = code_on(tmp_path)
    (tmp_path / CODE_FILE).unlink()
    house.restart()
    await begun(house, tmp_path)
    assert code_on(tmp_path) != before


async def test_where_there_are_people_none_is_made_unasked(tmp_path: Path) -> None:
    house = Household()
    house.add("ben", "viewer")
    _, people = await begun(house, tmp_path)
    assert not (tmp_path / CODE_FILE).exists()
    assert (await people.add_first(await people.renew_code(BOSS), "anna", PASSWORD)).administers


async def test_a_directory_that_takes_no_file_keeps_nobody_from_starting(tmp_path: Path) -> None:
    house = Household()
    first, people = await begun(house, tmp_path / "missing")
    with pytest.raises(GatewayError, match="no code"):
        first.check("anything")
    with pytest.raises(OSError, match="missing"):
        await people.renew_code(BOSS)


async def test_an_administrator_that_came_about_otherwise_burns_it_too(tmp_path: Path) -> None:
    house = Household()
    _, people = await begun(house, tmp_path)
    code = code_on(tmp_path)
    ben = await people.add(BOSS, "ben", ["viewer"], PASSWORD)
    assert code_on(tmp_path) == code
    await people.change(BOSS, ben.id, roles=["admin"])
    assert not (tmp_path / CODE_FILE).exists()
    with pytest.raises(GatewayError) as error:
        await people.add_first(code, "anna", PASSWORD)
    assert error.value.code is Code.CONFLICT


async def test_a_file_that_a_power_cut_left_with_another_code_is_made_anew(tmp_path: Path) -> None:
    house = Household()
    await begun(house, tmp_path)
    for content in (b"aaaaa-bbbbb-ccccc-ddddd", b"\xff\xfe"):
        (tmp_path / CODE_FILE).write_bytes(content)
        house.restart()
        await begun(house, tmp_path)
        assert (tmp_path / CODE_FILE).read_bytes() != content
    _, people = await begun(house, tmp_path)
    assert (await people.add_first(code_on(tmp_path), "anna", PASSWORD)).administers
