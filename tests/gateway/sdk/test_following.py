"""Events are followed over outages, restarts and new tokens, and none is left out: on virtual time, without sockets."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sdk.ferrule_client.errors import (
    AuthenticationError,
    AuthorizationError,
    ConfigurationError,
    EventsMissedError,
    FerruleError,
    InvalidParamsError,
    NotTrustedError,
    UnreachableError,
)
from gateway.sdk.ferrule_client.events import Wanted
from gateway.sdk.ferrule_client.following import TOKEN_PATIENCE_S, Following
from gateway.sdk.ferrule_client.session import Session

from .conftest import EnoughError
from .events_gateway import ALARMS, Gateway


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def test_events_come_in_order_with_all_that_belongs_to_them(gateway: Gateway) -> None:
    gateway.log = [3, 5]
    following = gateway.follow(0, Wanted(("alarms",), ("user:*",), {"severity": ["critical"]}))
    first = gateway.next(following)
    assert (first.type, first.seq, first.data, first.synchronised) == ("alarm:raised", 3, {"alarm_id": "a3"}, True)
    assert first.routing_key is None
    assert following.seq == 3
    assert gateway.next(following).seq == 5
    assert gateway.paths == [("/api/v1/events", "t-1")]
    assert gateway.said == [
        {
            "type": "subscribe",
            "channels": ["alarms"],
            "patterns": ["user:*"],
            "filter": {"severity": ["critical"]},
            "resume_from": 0,
        }
    ]


def test_a_program_that_is_no_agent_goes_where_operators_go() -> None:
    gateway = Gateway(agent=False)
    gateway.log = [1]
    gateway.next(gateway.follow(0))
    assert gateway.paths == [("/v1/events", "t-1")]


def test_what_happened_while_the_connection_was_lost_comes_and_nothing_twice(gateway: Gateway) -> None:
    gateway.log = list(range(1, 11))
    gateway.hang_up_after = 4
    following = gateway.follow(0)
    assert gateway.numbers(following, 10) == gateway.log
    assert [frame["resume_from"] for frame in gateway.said] == [0, 4]
    assert 0 < gateway.seconds <= 1


def test_from_now_on_means_from_where_the_first_subscription_stood(gateway: Gateway) -> None:
    gateway.log = [1, 2, 3]
    following = gateway.follow(None)

    def happens(seconds: float) -> None:
        if seconds >= 30 and len(gateway.log) == 3:
            gateway.log += [4]
            gateway.closes_with = 1001, "the gateway stops"

    gateway.at = happens
    gateway.closes_with = 1001, "the gateway stops"
    assert gateway.next(following).seq == 4
    assert [frame.get("resume_from") for frame in gateway.said] == [None, 3]


def test_outages_are_waited_for_and_longer_each_time(gateway: Gateway) -> None:
    gateway.log = [1]
    gateway.away = UnreachableError("away", sent=False)

    def comes_back(seconds: float) -> None:
        if seconds > 600:
            gateway.away = None

    gateway.at = comes_back
    assert gateway.next(gateway.follow(0)).seq == 1
    assert 600 < gateway.seconds < 700


def test_a_certificate_of_somebody_else_ends_it(gateway: Gateway) -> None:
    gateway.away = NotTrustedError("not ours")
    with pytest.raises(NotTrustedError):
        gateway.next(gateway.follow(0))


def test_what_the_log_no_longer_has_is_told_and_then_it_goes_on(gateway: Gateway) -> None:
    gateway.log, gateway.first = [7, 8, 9], 8
    following = gateway.follow(3)
    with pytest.raises(EventsMissedError) as caught:
        gateway.next(following)
    assert (caught.value.since, caught.value.seq) == (3, 9)
    assert gateway.numbers(following, 2) == [8, 9]


def test_who_has_seen_nothing_has_missed_nothing(gateway: Gateway) -> None:
    gateway.log, gateway.first = [7, 8, 9], 8
    assert gateway.numbers(gateway.follow(0), 2) == [8, 9]


def test_a_gateway_that_was_put_back_to_an_older_state_is_followed_from_there(gateway: Gateway) -> None:
    gateway.log = [50]
    following = gateway.follow(0)
    assert gateway.next(following).seq == 50
    gateway.log, gateway.closes_with = [10, 11], (1001, "")
    with pytest.raises(EventsMissedError):
        gateway.next(following)
    gateway.log.append(12)
    assert gateway.next(following).seq == 12


def test_the_next_token_is_shown_on_the_open_connection(gateway: Gateway) -> None:
    gateway.log = [1]
    following = gateway.follow(0)
    gateway.next(following)

    def renewed(seconds: float) -> None:
        if seconds >= 20:
            gateway.session.token = "t-2"
        if seconds >= 60:
            gateway.log = [1, 2]

    gateway.at = renewed
    assert gateway.next(following).seq == 2
    assert gateway.said[1:] == [{"type": "auth", "token": "t-2"}]
    assert len(gateway.paths) == 1


UNAUTHENTICATED = (
    401,
    b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32001, "message": "m", "data": {"reason": "expired"}}}',
)


def test_an_agent_waits_a_while_for_a_token_that_counts(gateway: Gateway) -> None:
    gateway.log, gateway.refusing = [1], UNAUTHENTICATED

    def registered(seconds: float) -> None:
        if seconds > TOKEN_PATIENCE_S / 2:
            gateway.session.token, gateway.refusing = "t-2", None

    gateway.at = registered
    assert gateway.next(gateway.follow(0)).seq == 1
    assert gateway.paths[-1] == ("/api/v1/events", "t-2")


def test_no_token_that_counts_ends_it(gateway: Gateway) -> None:
    gateway.refusing = UNAUTHENTICATED
    with pytest.raises(AuthenticationError, match="expired"):
        gateway.next(gateway.follow(0))
    assert TOKEN_PATIENCE_S <= gateway.seconds < 2 * TOKEN_PATIENCE_S + 60
    program = Gateway(agent=False)
    program.refusing = 401, b'{"title": "Unauthorized", "detail": "the token has expired.", "status": 401}'
    with pytest.raises(AuthenticationError, match="has expired"):
        program.next(program.follow(0))
    assert program.seconds == 0


def test_a_token_that_is_revoked_on_an_open_connection_ends_it() -> None:
    program = Gateway(agent=False)
    program.log = [1]
    following = program.follow(0)
    program.next(following)
    program.closes_with = 4401, "the token was revoked"
    with pytest.raises(AuthenticationError, match="revoked"):
        program.next(following)


@pytest.mark.parametrize(
    ("rejected", "error"),
    [
        ({"channel": "webhooks", "code": "forbidden", "detail": "needs webhooks:read"}, AuthorizationError),
        ({"pattern": "::", "code": "invalid", "detail": "is none"}, InvalidParamsError),
    ],
)
def test_what_may_never_come_is_told_at_once(
    gateway: Gateway, rejected: dict[str, str], error: type[FerruleError]
) -> None:
    gateway.rejected = [rejected]
    following = gateway.follow(0)
    with pytest.raises(error, match=rejected["detail"]):
        gateway.next(following)
    gateway.rejected, gateway.log = [], [1]
    assert gateway.next(following).seq == 1, "another try is another connection"


def test_too_many_connections_pass(gateway: Gateway) -> None:
    gateway.log, gateway.refusing = [1], (429, b'{"detail": "20 connections are open.", "title": "x", "status": 429}')

    def closed(seconds: float) -> None:
        if seconds > 100:
            gateway.refusing = None

    gateway.at = closed
    assert gateway.next(gateway.follow(0)).seq == 1


def test_a_gateway_that_says_nothing_is_asked_and_then_left(gateway: Gateway) -> None:
    gateway.log = [1]
    following = gateway.follow(0)
    gateway.next(following)
    gateway.end = 300
    with pytest.raises(EnoughError):
        gateway.next(following)
    assert len(gateway.paths) == 1, "it answers pings, and that is enough"
    gateway.end, gateway.deaf = 10_000, True

    def wakes(seconds: float) -> None:
        if seconds > 500:
            gateway.deaf, gateway.log = False, [1, 2]

    gateway.at = wakes
    assert gateway.next(following).seq == 2
    assert len(gateway.paths) > 2


def test_one_is_registered_first() -> None:
    with pytest.raises(ConfigurationError, match="register"):
        Gateway().next(Following(_without_token(), ALARMS, None))


def _without_token() -> Session:
    session = Gateway().session
    session.token = None
    return session


@pytest.mark.parametrize(
    ("channels", "patterns", "filter_", "words"),
    [
        ((), (), None, "name channels"),
        ("alarms", (), None, "channels: a list"),
        (("alarms",), (), {"x": [float("nan")]}, "no JSON"),
    ],
)
def test_what_cannot_be_wanted_is_refused_before_anything_is_sent(
    channels: Any, patterns: Any, filter_: Any, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Wanted.of(channels, patterns, filter_)
