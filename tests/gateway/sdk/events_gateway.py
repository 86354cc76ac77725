"""The other side of followed events: a gateway without sockets, on virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto import events as wire

from gateway.sdk.ferrule_client.effects import Pause
from gateway.sdk.ferrule_client.errors import FerruleError
from gateway.sdk.ferrule_client.events import Event, Wanted
from gateway.sdk.ferrule_client.following import Connect, Disconnect, Following, Receive, StreamEffect, Transmit
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
