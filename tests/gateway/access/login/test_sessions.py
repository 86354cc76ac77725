"""Who is signed in in which browser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.login.sessions import IDLE, LONGEST, Sessions, new_name, plausible
from tests.gateway.access.people import Household


@pytest.fixture
def house() -> Household:
    house = Household()
    house.add("boss")
    return house


@pytest.fixture
def sessions(house: Household) -> Sessions:
    return Sessions(house.users, lambda: house.elapsed)


def test_a_session_is_known_by_its_name_alone(house: Household, sessions: Sessions) -> None:
    anna = house.add("anna")
    name = sessions.begin(anna)
    assert plausible(name)
    assert sessions.find(name) == anna
    for other in (None, "", new_name(), name[:-1], name + "x"):
        assert sessions.find(other) is None
    assert name not in repr(vars(sessions))


def test_a_ticket_is_taken_once_and_in_its_own_session_alone(house: Household, sessions: Sessions) -> None:
    anna, ben = house.add("anna"), house.add("ben")
    name, of_ben = sessions.begin(anna), sessions.begin(ben)
    ticket = sessions.ticket(name)
    assert not sessions.take_ticket(of_ben, ticket)
    assert not sessions.take_ticket(new_name(), ticket)
    assert not sessions.take_ticket(name, "")
    assert sessions.take_ticket(name, ticket)
    assert not sessions.take_ticket(name, ticket)
    ticket = sessions.ticket(name)
    sessions.end(name)
    assert not sessions.take_ticket(name, ticket)
    assert not sessions.take_ticket(name, sessions.ticket(name))


def test_who_opens_forms_without_end_keeps_the_newest(house: Household, sessions: Sessions) -> None:
    name = sessions.begin(house.add("anna"))
    tickets = [sessions.ticket(name) for _ in range(1000)]
    assert not sessions.take_ticket(name, tickets[0])
    assert sessions.take_ticket(name, tickets[-1])
    assert sum(sessions.take_ticket(name, ticket) for ticket in tickets) < 50


def test_to_sign_in_ends_the_session_before(house: Household, sessions: Sessions) -> None:
    anna, ben = house.add("anna"), house.add("ben")
    first, of_ben = sessions.begin(anna), sessions.begin(ben)
    second = sessions.begin(anna)
    assert sessions.find(first) is None
    assert sessions.find(second) == anna
    assert sessions.find(of_ben) == ben


def test_it_ends_when_it_is_told_to(house: Household, sessions: Sessions) -> None:
    name = sessions.begin(house.add("anna"))
    sessions.end(None)
    sessions.end(new_name())
    assert sessions.find(name) is not None
    sessions.end(name)
    assert sessions.find(name) is None


def test_it_ends_when_nothing_is_done_and_after_a_day_of_work(house: Household, sessions: Sessions) -> None:
    anna = house.add("anna")
    name = sessions.begin(anna)
    house.wait(IDLE - 1)
    assert sessions.find(name) == anna
    house.wait(IDLE)
    assert sessions.find(name) is None

    name = sessions.begin(anna)
    for _ in range(int(LONGEST // (IDLE - 1))):
        house.wait(IDLE - 1)
        assert sessions.find(name) == anna
    house.wait(IDLE - 1)
    assert sessions.find(name) is None


@pytest.mark.parametrize("deed", ["password", "disable", "remove"])
def test_it_ends_with_what_its_owner_had(house: Household, sessions: Sessions, deed: str) -> None:
    anna = house.add("anna")
    name = sessions.begin(anna)
    if deed == "password":
        house.users.set_password(anna.id, "another")
    elif deed == "disable":
        house.users.change(anna.id, disabled=True)
        house.users.change(anna.id, disabled=False)
    else:
        house.users.remove(anna.id)
    assert sessions.find(name) is None


def test_other_roles_show_at_once(house: Household, sessions: Sessions) -> None:
    anna = house.add("anna")
    name = sessions.begin(anna)
    house.users.change(anna.id, roles=["viewer"])
    found = sessions.find(name)
    assert found is not None
    assert found.roles == {"viewer"}


def test_a_form_belongs_to_the_browser_it_was_made_for(house: Household, sessions: Sessions) -> None:
    mine, theirs = new_name(), new_name()
    token = sessions.form_token(mine)
    assert sessions.fits(mine, token)
    assert not sessions.fits(theirs, token)
    assert not sessions.fits(None, token)
    assert not sessions.fits(mine, "")
    assert not sessions.fits(mine, token + "\ud800")
    assert not Sessions(house.users, lambda: 0.0).fits(mine, token)


@given(st.text(max_size=60))
def test_any_name_can_be_asked_for(name: str) -> None:
    house = Household()
    sessions = Sessions(house.users, lambda: 0.0)
    assert sessions.find(name) is None
    sessions.fits(name, name)
    if plausible(name):
        assert len(name) == 43
