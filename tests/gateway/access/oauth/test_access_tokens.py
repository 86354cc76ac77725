"""Access tokens: proven once, looked at with every change, and void with what they came of."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.access.agent_tokens import AgentTokens
from gateway.access.bearer import Bearer
from gateway.access.enrolment import Enrolments
from gateway.access.jws import AGENT_API, MAX_LENGTH, PLUGIN_API
from gateway.access.keys import RootKey
from gateway.access.oauth.access_tokens import TYPE, AccessTokens
from gateway.access.oauth.grant import Issued, OAuthError
from gateway.access.oauth.subjects import Standing, Subjects
from gateway.access.oauth.voids import GRANT_ENDED, Voids
from gateway.access.revocations import Revocations
from gateway.access.tokens import OperatorTokens
from gateway.core.errors import GatewayError
from gateway.core.principal import Kind
from tests.gateway.agents.board import NOON, Facts

EVERYTHING = Standing(frozenset({"admin"}), frozenset({"*"}))


class House:
    """Everything that proves a token, with a clock and a door that are turned by hand."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.now = NOON
        self.facts = facts or Facts()
        self.ttl = 3600.0
        self.standing: dict[str, Standing] = {"client:a": EVERYTHING, "user:u": EVERYTHING, "plugin:p": EVERYTHING}
        self.looked: list[str] = []
        root = RootKey(bytes(32))
        subjects = Subjects()
        for family in ("client", "user", "plugin"):
            subjects.know(family, lambda id_, family=family: self._look(f"{family}:{id_}"))  # type: ignore[misc]  # a default that is bound now
        self.voids = Voids(self.facts, lambda: self.now, lambda: True)
        self.tokens = AccessTokens(
            root,
            lambda: self.now,
            subjects=subjects,
            voids=self.voids,
            ttl=lambda: self.ttl,
            rate_limit=lambda: 1000,
        )
        self.revocations = Revocations(self.facts, lambda: self.now, lambda: True)
        self.bearer = Bearer(
            root,
            operators=OperatorTokens(root, lambda: self.now, lambda: True),
            agents=AgentTokens(root, lambda: self.now, self.revocations.epoch),
            enrolments=Enrolments(root, lambda: self.now),
            revocations=self.revocations,
            wall=lambda: self.now,
            synchronised=lambda: True,
        )
        self.bearer.take(TYPE, self.tokens)
        self.voids.changed.append(self.bearer.forget)

    def _look(self, subject: str) -> Standing | None:
        self.looked.append(subject)
        return self.standing.get(subject)

    def issue(self, subject: str = "client:a", **more: object) -> str:
        given = {"scopes": frozenset({"*"}), "resource": frozenset({PLUGIN_API})} | more
        return self.tokens.issue("a", Issued(subject=subject, **given)).token  # type: ignore[arg-type]  # by name

    def good(self, token: str) -> bool:
        try:
            self.bearer.verify(token, PLUGIN_API)
        except GatewayError:
            return False
        return True


def test_who_was_proven_is_looked_up_no_more() -> None:
    house = House()
    token = house.issue()
    assert house.good(token)
    looked = len(house.looked)
    assert all(house.good(token) for _ in range(100))
    assert len(house.looked) == looked


@pytest.mark.parametrize(
    ("subject", "kind"), [("client:a", Kind.CLIENT), ("user:u", Kind.USER), ("plugin:p", Kind.PLUGIN)]
)
def test_a_token_tells_who_it_stands_for(subject: str, kind: Kind) -> None:
    house = House()
    token = house.issue(subject, permissions=frozenset({"read-tags"}), rate_limit=60, lifetime=90)
    principal = house.bearer.verify(token, PLUGIN_API)
    assert (principal.subject, principal.kind, principal.client_id) == (subject, kind, "a")
    assert principal.permissions == {"read-tags"}
    assert (principal.rate_limit, principal.expires) == (60, int(NOON) + 90)
    with pytest.raises(GatewayError, match="not meant for"):
        house.bearer.verify(token, AGENT_API)


def test_a_token_allows_what_both_its_subject_and_its_client_may() -> None:
    house = House()
    house.standing |= {
        "client:a": Standing(frozenset(), frozenset({"plugins:*"})),
        "user:u": Standing(frozenset(), frozenset({"plugins:read", "devices:read"})),
    }
    assert house.bearer.verify(house.issue("user:u"), PLUGIN_API).scopes == {"plugins:read"}


@pytest.mark.parametrize("ended", ["user:u", "client:a"])
def test_tokens_end_with_the_subject_and_with_the_client(ended: str) -> None:
    house = House()
    token, other = house.issue("user:u"), house.issue("plugin:p")
    assert house.good(token)
    house.voids.end(ended)
    assert not house.good(token)
    assert house.good(other) == (ended != "client:a")
    assert house.good(house.issue("user:u"))
    # It is so after a restart, too.
    again = House(house.facts)
    assert not again.good(token)


def test_tokens_end_with_the_grant_they_came_of() -> None:
    house = House()
    one, other = house.issue("user:u", grant="f1"), house.issue("user:u", grant="f2")
    assert house.good(one)
    house.voids.end_grant("f1")
    assert not house.good(one)
    assert house.good(other)
    assert not House(house.facts).good(one)
    house.now += 33 * 86400
    house.voids.end_grant("f3")
    assert set(house.facts.recall(GRANT_ENDED)) == {"f3"}


def test_who_is_gone_has_no_token() -> None:
    house = House()
    token = house.issue("user:u")
    del house.standing["user:u"]
    assert not house.good(token)


@pytest.mark.parametrize(("ttl", "lifetime", "lives"), [(3600, None, 3600), (60, None, 60), (3600, 10**9, 86400)])
def test_no_token_lives_longer_than_a_day(ttl: int, lifetime: int | None, lives: int) -> None:
    house = House()
    house.ttl = ttl
    issued = Issued(subject="client:a", scopes=frozenset({"*"}), resource=frozenset({PLUGIN_API}), lifetime=lifetime)
    assert house.tokens.issue("a", issued).lifetime == lives


def test_what_does_not_fit_into_a_token_is_refused() -> None:
    house = House()
    with pytest.raises(OAuthError, match="ask for fewer"):
        house.issue(scopes=frozenset(f"s{number}:read" for number in range(MAX_LENGTH // 5)))


def test_nothing_of_it_is_shown(tmp_path: Path) -> None:
    house = House()
    made = house.tokens.issue(
        "a",
        Issued(
            subject="client:a", scopes=frozenset({"*"}), resource=frozenset({PLUGIN_API}), refresh_token="hush-hush"
        ),
    )
    assert made.token not in repr(made)
    assert "hush-hush" not in repr(
        Issued(subject="a", scopes=frozenset(), resource=frozenset(), refresh_token="hush-hush")
    )
