"""In whose name something may go on: an expired token ends nothing, a revocation does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.access.oauth.subjects import Standing, Subjects
from gateway.access.oauth.voids import Voids
from gateway.access.owners import KnownOwners
from gateway.core.events import Event
from gateway.core.principal import Kind, Principal

NOW = 1_800_000_000.0
BEN = Principal("user:ben", frozenset({"webhooks:write"}), Kind.USER, "t1", expires=1, client_id="panel")


def known(gateway: Any) -> tuple[KnownOwners, Voids]:
    voids = Voids(gateway.facts, lambda: NOW, lambda: True)
    owners = KnownOwners(gateway.revocations)
    owners.take(voids, Subjects())
    return owners, voids


@pytest.mark.parametrize("ended", ["user:ben", "client:panel"])
@pytest.mark.parametrize("kind", [Kind.USER, Kind.API_KEY])
def test_who_was_disabled_or_came_by_a_client_that_was_is_barred_also_after_a_restart(
    gateway: Any, ended: str, kind: Kind
) -> None:
    owners, voids = known(gateway)
    owner = replace(BEN, kind=kind)
    voids.end("user:anna")
    mark = owners.mark(owner)
    assert owners.barred(owner, mark) is None
    voids.end(ended)
    again, _ = known(gateway)
    for one in (owners, again):
        assert "user:ben" in str(one.barred(owner, mark))
        # What he does after he is allowed again is another matter.
        assert one.barred(owner, one.mark(owner)) is None


def test_what_was_made_with_an_api_key_ends_when_the_key_is_revoked_and_not_when_it_expires(gateway: Any) -> None:
    """A key that has leaked is revoked: whoever had it must get nothing more by what he registered with it."""
    owners, voids = known(gateway)
    by_key = replace(BEN, kind=Kind.API_KEY, token_id="key-1", client_id=None)
    marks = {one: owners.mark(one) for one in (by_key, replace(by_key, token_id="key-2"), BEN)}
    told = []
    voids.changed.append(lambda: told.append(owners.barred(by_key, marks[by_key])))
    voids.end_key("key-1")
    again, _ = known(gateway)
    for asked in (owners, again):
        barred = [asked.barred(one, mark) for one, mark in marks.items()]
        assert "the API key it was made with" in str(barred[0])
        assert barred[1:] == [None, None]
    assert "the API key" in str(told[0])


def test_operators_whose_tokens_are_all_ended_leave_nothing_behind_that_goes_on(gateway: Any) -> None:
    """What ``ferrule token revoke --all`` is for: whoever had one may have registered something with it."""
    ended = 3
    owners = KnownOwners(gateway.revocations, lambda: ended)
    operator = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t1")
    mark = owners.mark(operator)
    assert owners.barred(operator, mark) is None
    ended = 7
    assert "all operators" in str(owners.barred(operator, mark))
    assert owners.barred(operator, owners.mark(operator)) is None


def test_who_signs_out_does_not_mean_what_he_has_registered(gateway: Any) -> None:
    owners, _ = known(gateway)
    operator = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t1")
    gateway.revocations.revoke_token("t1", 2_000_000_000)
    assert owners.barred(BEN, owners.mark(BEN)) is None
    # Of operators nothing else is known than their tokens.
    assert "the token of operator" in str(owners.barred(operator, owners.mark(operator)))
    assert owners.barred(replace(operator, token_id="t2"), owners.mark(operator)) is None


def test_agents_are_asked_for_where_they_are_known(gateway: Any) -> None:
    owners, _ = known(gateway)
    agent = Principal("meter-1", frozenset(), Kind.AGENT, "t9")
    mark = owners.mark(agent)
    told = []
    owners.changed.append(lambda: told.append(owners.barred(agent, mark)))
    gateway.revocations.revoke_agent("meter-1")
    assert told == ["meter-1 was revoked, or enrolled with another key, since"]


def test_who_is_allowed_less_than_when_he_registered_it_receives_less(gateway: Any) -> None:
    subjects, allowed = Subjects(), {"devices:read", "system:read"}
    owners = KnownOwners(gateway.revocations)
    owners.take(Voids(gateway.facts, lambda: NOW, lambda: True), subjects)
    alarm, alert = (Event("id", "gw", 1, type_, NOW, "synchronised", {}) for type_ in ("alarm:raised", "system:alert"))
    ben = replace(BEN, scopes=frozenset({"devices:read"}))
    # Not read from the disk yet.
    assert owners.may_receive(ben, alarm)
    subjects.know("user", lambda _: Standing(frozenset(), frozenset(allowed)))
    assert owners.may_receive(ben, alarm)
    # His token did not hold that, whatever he may.
    assert not owners.may_receive(ben, alert)
    allowed.remove("devices:read")
    assert not owners.may_receive(ben, alarm)
    assert owners.may_receive(Principal("operator", ben.scopes, Kind.OPERATOR, "t2"), alarm)
