"""Events are followed over outages, restarts and new tokens, and none is left out: on virtual time, without sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto import events as wire

from gateway.sdk.ferrule_client.effects import Pause
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
from gateway.sdk.ferrule_client.events import Event, Wanted
from gateway.sdk.ferrule_client.following import (
    TOKEN_PATIENCE_S,
    Connect,
    Disconnect,
    Following,
    Receive,
    StreamEffect,
    Transmit,
)
from gateway.sdk.ferrule_client.identity import Identity
from gateway.sdk.ferrule_client.session import Clocks, Session

from .conftest import CARD, KEY, EnoughError

ALARMS = Wanted(channels=("alarms",))


def event(number: int) -> dict[str, Any]:
    return {
        "type": "alarm:raised",
        "timestamp": "2026-11-22T08:13:46Z",
        "data": {"alarm_id": f"a{number}"},
        "id": f"id-{number}",
        "seq": number,
        "gateway": "gw",
        "clock": "synchronised",
    }


class Gateway:
    """The other side, which keeps its log over all connections.

    Attributes:
        log: numbers of events that happened.
        first: the first that is still there.
        said: the frames that came, of all connections.
        paths: of the handshakes, with their tokens.
        seconds: virtual time that has gone by.
        refusing: status and body handshakes are refused with.
        away: what keeps anybody from connecting.
        hang_up_after: events after which it hangs up, once.
        deaf: it says nothing at all.
    """

    def __init__(self, *, agent: bool = True) -> None:
        self.log: list[int] = []
        self.first = 0
        self.said: list[dict[str, Any]] = []
        self.paths: list[tuple[str, str]] = []
        self.seconds = 0.0
        self.refusing: tuple[int, bytes] | None = None
        self.away: FerruleError | None = None
        self.hang_up_after: int | None = None
        self.deaf = False
        self.rejected: list[dict[str, str]] = []
        self.closes_with: tuple[int, str] | None = None
        self.at: Callable[[float], None] = lambda _: None
        self.end = 10_000.0
        clocks = Clocks(lambda: self.seconds, lambda: self.seconds, lambda: 1.0)
        identity = Identity(CARD, "temp-sensor-001", KEY, None) if agent else None
        self.session = Session("https://192.168.1.10:3500", identity, "t-1", 0.0, clocks)
        self._wire: WSConnection | None = None
        self._due = b""
        self._told: int | None = None

    def follow(self, since: int | None = None, wanted: Wanted = ALARMS) -> Following:
        return Following(self.session, wanted, since)

    def next(self, following: Following) -> Event:
        steps = following.next()
        try:
            effect = next(steps)
            while True:
                try:
                    reply = self._perform(effect)
                except FerruleError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(reply)
        except StopIteration as end:
            found: Event = end.value
            return found
        finally:
            steps.close()

    def numbers(self, following: Following, count: int) -> list[int]:
        return [self.next(following).seq for _ in range(count)]

    def _wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.at(self.seconds)
        if self.seconds > self.end:
            raise EnoughError

    def _perform(self, effect: StreamEffect) -> bytes | None:
        match effect:
            case Connect(host, port):
                assert (host, port) == ("192.168.1.10", 3500)
                if self.away is not None:
                    raise self.away
                self._wire, self._due, self._told = WSConnection(ConnectionType.SERVER), b"", None
            case Transmit(data):
                self._hear(data)
            case Receive(seconds):
                return self._tell(seconds)
            case Disconnect():
                self._wire = None
            case Pause(seconds):
                self._wait(seconds)
        return None

    def _hear(self, data: bytes) -> None:
        assert self._wire is not None
        self._wire.receive_data(data)
        for heard in self._wire.events():
            if isinstance(heard, wire.Request):
                headers = dict(heard.extra_headers)
                self.paths.append((heard.target, headers[b"authorization"].decode().removeprefix("Bearer ")))
                self._answer_handshake()
            elif isinstance(heard, wire.Ping) and not self.deaf:
                self._send(heard.response())
            elif isinstance(heard, wire.TextMessage):
                self._answer(json.loads(heard.data))

    def _answer_handshake(self) -> None:
        if self.deaf:
            return
        if self.refusing is None:
            self._send(wire.AcceptConnection())
            return
        status, body = self.refusing
        headers = [(b"content-length", str(len(body)).encode())]
        self._send(wire.RejectConnection(status_code=status, headers=headers, has_body=True))
        self._send(wire.RejectData(data=body, body_finished=True))

    def _answer(self, frame: dict[str, Any]) -> None:
        self.said.append(frame)
        if frame["type"] != "subscribe":
            return
        newest = max(self.log, default=0)
        answer = {"type": "subscribed", "channels": [], "patterns": [], "rejected": self.rejected, "seq": newest}
        since = frame.get("resume_from")
        if since is not None:
            answer["resumed"] = {"from": since, "complete": self.first <= since + 1 <= newest + 1}
        self._send(wire.TextMessage(data=json.dumps(answer)))
        self._told = newest if since is None else min(since, newest)

    def _tell(self, seconds: float) -> bytes | None:
        if self._wire is None:
            return b""
        if self._told is not None and not self.deaf:
            for number in self.log:
                if self.hang_up_after == 0:
                    break
                if max(self._told, self.first - 1) < number:
                    self._told = number
                    self._send(wire.TextMessage(data=json.dumps(event(number))))
                    if self.hang_up_after is not None:
                        self.hang_up_after -= 1
        if not self._due and self.hang_up_after == 0:
            self.hang_up_after = None
            return b""
        if not self._due and self.closes_with is not None and self._told is not None:
            code, reason = self.closes_with
            self.closes_with = None
            self._send(wire.CloseConnection(code=code, reason=reason))
        due, self._due = self._due, b""
        if due:
            return due
        self._wait(seconds)
        return None

    def _send(self, heard: wire.Event) -> None:
        assert self._wire is not None
        self._due += self._wire.send(heard)


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
