"""People: names, roles, passwords, and what ends with a change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.users.user import User, checked_name, checked_password, restored, written
from gateway.access.users.users import MOST
from gateway.core.errors import Code, GatewayError
from tests.gateway.access.people import NOW, Household


def test_a_person_is_found_by_name_in_any_case_and_by_id() -> None:
    house = Household()
    anna = house.add("Anna")
    assert anna.name == "anna"
    assert house.users.named(" ANNA ") == anna
    assert house.users.get(anna.id) == anna
    assert house.users.named("ben") is None
    with pytest.raises(GatewayError) as error:
        house.users.get("user-0000000000000000")
    assert error.value.code is Code.NOT_FOUND


def test_people_outlive_a_restart() -> None:
    house = Household()
    anna, ben = house.add("anna"), house.add("ben", "viewer")
    house.users.change(ben.id, disabled=True)
    house.users.remove(house.add("gone", "viewer").id)
    before = house.users.all()
    house.restart()
    assert house.users.all() == before
    assert [user.name for user in before] == [anna.name, ben.name]
    assert all(fact in house.facts.urgent for fact in house.facts.writes)


@pytest.mark.parametrize("name", ["", "-anna", "anna ben", "änna", "a" * 65, "anna\n1", "a:b", "a/b"])
def test_a_name_that_cannot_be_typed_safely_is_refused(name: str) -> None:
    with pytest.raises(GatewayError) as error:
        checked_name(name)
    assert (error.value.code, error.value.field) == (Code.INVALID, "name")


@pytest.mark.parametrize(
    ("name", "roles", "code", "field"),
    [
        ("anna", ("admin",), Code.CONFLICT, "name"),
        ("ANNA", ("admin",), Code.CONFLICT, "name"),
        ("ben", ("emperor",), Code.INVALID, "roles"),
        ("ben", (), Code.INVALID, "roles"),
    ],
)
def test_what_cannot_be_added(name: str, roles: tuple[str, ...], code: Code, field: str) -> None:
    house = Household()
    house.add("anna")
    with pytest.raises(GatewayError) as error:
        house.users.add(name, roles, None)
    assert (error.value.code, error.value.field) == (code, field)
    assert len(house.users.all()) == 1


def test_there_is_a_bound_on_people() -> None:
    house = Household()
    for number in range(MOST):
        house.add(f"user{number}")
    with pytest.raises(GatewayError, match=f"there are {MOST} users"):
        house.add("one-more")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "at least 12"),
        ("x" * 257, "at most 256"),
        ("abababababab", "different"),
        ("correct horse\nbattery", "control"),
        ("correct horse\ud800battery", "control"),
        ("anna.smithanna.smith", "made of"),
        ("Password1234", "made of"),
        ("ferrule-ferrule-1", "made of"),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused_and_never_shown(password: str, reason: str) -> None:
    with pytest.raises(GatewayError) as error:
        checked_password(password, "anna.smith")
    assert reason in error.value.reason
    assert error.value.field == "password"
    assert password not in error.value.reason
    assert error.value.provided is None


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    assert checked_password("café au lait 7", "anna") == checked_password("café au lait 7", "anna")


def test_what_was_given_ends_with_the_password_and_with_being_disabled() -> None:
    house = Household()
    house.add("boss")
    anna = house.add("anna")
    ended: list[User] = []
    house.users.ended.append(ended.append)
    assert house.users.active(anna.id, anna.epoch) == anna

    changed = house.users.set_password(anna.id, "hash of another")
    assert house.users.active(anna.id, anna.epoch) is None
    assert house.users.active(anna.id, changed.epoch) == changed

    disabled = house.users.change(anna.id, disabled=True)
    assert house.users.active(anna.id, disabled.epoch) is None
    enabled = house.users.change(anna.id, disabled=False)
    assert house.users.active(anna.id, changed.epoch) is None
    assert house.users.active(anna.id, enabled.epoch) == enabled

    house.users.remove(anna.id)
    assert house.users.active(anna.id, enabled.epoch) is None
    assert [user.id for user in ended] == [anna.id] * 3


def test_other_roles_end_nothing_but_are_told() -> None:
    house = Household()
    house.add("boss")
    anna = house.add("anna")
    told: list[str] = []
    house.users.changed.append(lambda: told.append("changed"))
    house.users.ended.append(lambda _: told.append("ended"))
    assert house.users.change(anna.id, roles=["viewer"]).roles == {"viewer"}
    assert house.users.change(anna.id, roles=["viewer"]).epoch == anna.epoch
    assert told == ["changed"]


@pytest.mark.parametrize("deed", ["demote", "disable", "remove"])
def test_the_only_administrator_stays(deed: str) -> None:
    house = Household()
    boss, ben = house.add("boss"), house.add("ben", "viewer")

    def do() -> None:
        if deed == "demote":
            house.users.change(boss.id, roles=["viewer"])
        elif deed == "disable":
            house.users.change(boss.id, disabled=True)
        else:
            house.users.remove(boss.id)

    with pytest.raises(GatewayError) as error:
        do()
    assert error.value.code is Code.CONFLICT
    assert house.users.get(boss.id) == boss
    house.users.change(ben.id, roles=["admin"])
    do()
    assert house.users.administered


def test_a_hash_is_nowhere_in_what_is_logged() -> None:
    assert "hash of" not in repr(Household().add("anna"))


TEXT = st.text(max_size=20)
USERS = st.builds(
    User,
    id=st.from_regex(r"user-[0-9a-f]{16}", fullmatch=True),
    name=TEXT,
    roles=st.frozensets(TEXT, max_size=3),
    password=st.none() | TEXT,
    created=st.floats(0, 1e10),
    disabled=st.booleans(),
    epoch=st.integers(0, 2**40),
)


@given(USERS)
def test_what_is_written_is_read_again(user: User) -> None:
    assert restored(user.id, written(user)) == user


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
    )
)
def test_what_another_version_wrote_is_left_out(value: object) -> None:
    assert restored("user-0123456789abcdef", value) is None  # type: ignore[arg-type]  # anything that JSON has


def test_a_fact_that_is_not_understood_keeps_nobody_from_starting() -> None:
    house = Household()
    anna = house.add("anna")
    house.facts.remember("user", "user-ffffffffffffffff", {"name": 7})
    house.restart()
    assert house.users.all() == [anna]
    assert anna.created == NOW
