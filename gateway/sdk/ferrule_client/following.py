"""Follows events over a WebSocket, over outages and restarts of the gateway, and skips none. Pure.

It does no I/O itself: what it yields is done by ``EventStream`` and ``AsyncEventStream``.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from .backoff import Backoff
from .effects import Pause
from .errors import (
    AuthenticationError,
    AuthorizationError,
    ConfigurationError,
    EventsMissedError,
    NotTrustedError,
    ProtocolError,
    RpcError,
    UnreachableError,
    rpc_error,
)
from .events import Event, Wanted
from .heard import Closed, Opened, Rejected, Said
from .members import Members
from .session import USER_AGENT, Session

if TYPE_CHECKING:
    from .websocket import WebSocket

T = TypeVar("T")

AGENTS, OTHERS = "/api/v1/events", "/v1/events"
# Seconds after which one looks whether there is another token to show, and whether the other side lives.
LOOK_S = 10.0
# Looks without a word: after so many the other side is asked, after so many more it is given up.
_ASK_AFTER, _GONE_AFTER = 2, 4
# A handshake and a subscription are answered within so many seconds.
ANSWERED_WITHIN_S = 30.0
# For so long an agent waits for its next token: whatever keeps it registered may wait a minute itself.
TOKEN_PATIENCE_S = 120.0
_UNAUTHENTICATED, _FORBIDDEN, _TOO_MANY = 4401, 4403, 4429
_CODES = {400: -32600, 401: -32001, 403: -32002, 404: -32601, 429: -32004}
_CODES_BY_WORD = {"forbidden": -32002, "unauthenticated": -32001, "too_many": -32004}

_log = logging.getLogger("ferrule_client")


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a TLS connection to the gateway, in the place of the one before."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send these bytes over it."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receive:
    """Reply with the next bytes; empty at the end of the connection, None where none came for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the connection, where there is one."""


StreamEffect = Connect | Transmit | Receive | Disconnect | Pause
StreamSteps = Generator[StreamEffect, "bytes | None", T]


class Following:
    """One subscription, wherever its connections end.

    Args:
        session: whose token is shown, the newest each time.
        wanted: what to hear.
        since: number of the last event that was seen; 0: all that is kept; None: from now on.

    Attributes:
        seq: number of the last event that was handed out; before the first, where the subscription stands; None while
            nobody knows.
    """

    def __init__(self, session: Session, wanted: Wanted, since: int | None) -> None:
        self.seq = since
        self._session = session
        self._wanted = wanted
        # The number of the last event that came.
        self._heard = since
        self._came: deque[Event] = deque()
        self._missed: EventsMissedError | None = None
        self._socket: WebSocket | None = None
        self._shown: str | None = None
        self._subscribed = False
        self._backoff = Backoff(session.clocks.random)
        self._refused_since: float | None = None

    def next(self) -> StreamSteps[Event]:
        """The next event. Waits for it, and over all outages.

        Raises:
            EventsMissedError: the gateway no longer has all events since the last one. Going on is possible.
            AuthenticationError: the token does not count, and no other one comes.
            FerruleError: what does not pass by itself: a channel is not allowed, a certificate is not trusted.
        """
        while True:
            if self._missed is not None:
                missed, self._missed = self._missed, None
                raise missed
            if self._came:
                break
            try:
                if self._socket is None:
                    yield from self._open()
                else:
                    yield from self._look()
            except (RpcError, NotTrustedError):
                self._socket = None
                yield Disconnect()
                raise
            except (UnreachableError, ProtocolError) as error:
                yield from self._begin_again(error)
        event = self._came.popleft()
        self.seq = event.seq
        return event

    # Opening

    def _open(self) -> StreamSteps[None]:
        parts = urlsplit(self._session.url)
        token, agent = self._session.token, self._session.identity
        if token is None:
            raise ConfigurationError("following events needs a token: call register() first, or give one")
        headers = {"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT}
        if agent is not None:
            headers["X-Agent-ID"] = agent.agent_id
        socket = _websocket(parts.netloc, OTHERS if agent is None else AGENTS, headers)
        self._subscribed = False
        yield Connect(parts.hostname or "", parts.port or 443)
        self._socket, self._shown = socket, token
        end = self._session.clocks.monotonic() + ANSWERED_WITHIN_S
        while not self._subscribed:
            yield from self._look()
            if self._session.clocks.monotonic() > end:
                raise UnreachableError("the gateway did not answer the subscription", sent=True)

    def _subscribe(self, socket: WebSocket) -> None:
        wanted = self._wanted
        frame: dict[str, object] = {"type": "subscribe", "channels": wanted.channels, "patterns": wanted.patterns}
        if wanted.filter:
            frame["filter"] = wanted.filter
        if self._heard is not None:
            frame["resume_from"] = self._heard
        socket.say(frame)

    # Listening

    def _look(self) -> StreamSteps[None]:
        """Send what is due, and take what comes, until there is something or a look is over."""
        for silent in range(_GONE_AFTER):
            socket = self._socket
            if socket is None:
                return
            if silent == _ASK_AFTER:
                socket.ping()
            if self._subscribed and self._session.token not in {None, self._shown}:
                self._shown = self._session.token
                socket.say({"type": "auth", "token": self._shown})
            due = socket.due()
            if due:
                yield Transmit(due)
            data = yield Receive(LOOK_S)
            if data is None:
                if not self._subscribed:
                    return
                self._backoff.reset()
                continue
            if not data:
                raise UnreachableError("the gateway has hung up", sent=True)
            for heard in socket.feed(data):
                yield from self._take(socket, heard)
            return
        raise UnreachableError("the gateway says nothing any more", sent=True)

    def _take(self, socket: WebSocket, heard: Opened | Rejected | Said | Closed) -> StreamSteps[None]:
        match heard:
            case Opened():
                self._refused_since = None
                self._subscribe(socket)
            case Rejected():
                yield from self._settle(_refusal(heard), heard.retry_after)
            case Closed(code, reason) if code == _UNAUTHENTICATED:
                yield from self._settle(rpc_error(-32001, "Authentication error", {"reason": reason}), None)
            case Closed(code, reason) if code == _FORBIDDEN:
                raise rpc_error(-32002, "Authorization error", {"reason": reason})
            case Closed(code, reason):
                words = f"the gateway has closed the connection: {reason or 'no reason was given'} ({code})"
                raise UnreachableError(words, sent=True)
            case Said(given) if "id" in given:
                self._keep(Event.read(Members(given, "event")))
            case Said(given):
                self._answer(Members(given, "the gateway's WebSocket"))

    def _keep(self, event: Event) -> None:
        if self._heard is not None and event.seq <= self._heard:
            return
        self._heard = event.seq
        self._came.append(event)
        self._backoff.reset()

    def _answer(self, said: Members) -> None:
        type_ = said.text("type")
        if type_ == "error":
            code = _CODES_BY_WORD.get(said.text("code"), -32602)
            raise rpc_error(
                code, "Invalid params", {"reason": said.text("detail"), "field": said.text_or_none("field")}
            )
        if type_ == "subscribed":
            for refused in said.objects("rejected"):
                name = refused.text_or_none("channel") or refused.text_or_none("pattern") or ""
                code = _CODES_BY_WORD.get(refused.text("code"), -32602)
                raise rpc_error(code, f"{name} is not subscribed to", {"reason": refused.text("detail")})
            self._stand(said)

    def _stand(self, said: Members) -> None:
        self._subscribed = True
        stands, before = said.whole("seq"), self._heard
        if before is None:
            self._heard = self.seq = stands
        elif before and not said.inner("resumed").truth("complete"):
            # From nought on nobody can have missed anything.
            self._missed = EventsMissedError(before, stands)
            # Where the gateway was put back to an older state it counts from there.
            self._heard = min(before, stands)

    # Trouble

    def _settle(self, error: RpcError, retry_after: float | None) -> StreamSteps[None]:
        """A token that does not count may be followed by one that does; too many of anything pass.

        Raises:
            RpcError: waiting mends nothing.
        """
        now = self._session.clocks.monotonic()
        another = self._session.token not in {None, self._shown}
        if isinstance(error, AuthenticationError):
            if self._refused_since is None:
                self._refused_since = now
            patient = self._session.identity is not None and now - self._refused_since < TOKEN_PATIENCE_S
            if not another and not patient:
                raise error
        elif isinstance(error, AuthorizationError) or error.code not in {-32004, -32007}:
            raise error
        if retry_after:
            yield Pause(retry_after)
        raise UnreachableError(str(error), sent=True)

    def _begin_again(self, error: Exception) -> StreamSteps[None]:
        self._socket = None
        yield Disconnect()
        wait = self._backoff.seconds()
        _log.warning("events are not heard now, trying again in %.1f s: %s", wait, error)
        yield Pause(wait)


def _websocket(host: str, path: str, headers: dict[str, str]) -> WebSocket:
    try:
        from .websocket import WebSocket  # noqa: PLC0415 # an extra
    except ImportError:
        raise ConfigurationError("following events needs the package wsproto: pip install wsproto") from None
    return WebSocket(host, path, headers)


def _refusal(heard: Rejected) -> RpcError:
    """A refused handshake as an error: JSON-RPC's, or a problem document."""
    try:
        document = json.loads(heard.body)
    except (ValueError, RecursionError):
        document = None
    given = document if isinstance(document, dict) else {}
    error = given.get("error")
    if isinstance(error, dict) and type(error.get("code")) is int:
        data = error.get("data")
        return rpc_error(error["code"], str(error.get("message", "error")), data if isinstance(data, dict) else None)
    words = given.get("detail") if isinstance(given.get("detail"), str) else f"HTTP {heard.status}"
    code = _CODES.get(heard.status, -32007 if heard.status >= 500 else -32600)
    return rpc_error(code, str(given.get("title") or "the WebSocket was refused"), {"reason": words})
