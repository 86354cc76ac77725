"""``/v1/events`` and ``/api/v1/events``: the application that answers WebSockets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import trio

from gateway.access.limits.rates import Headers, RateLimits
from gateway.access.oauth.api_keys import ApiKeys
from gateway.access.tokens import AGENT_API, PLUGIN_API
from gateway.api.asgi import Event as AsgiEvent
from gateway.api.asgi import Receive, Scope, Send, header, request_id, respond
from gateway.api.credentials import api_key
from gateway.api.identity import check_agent_id
from gateway.api.live.client import Client, Close, Shown
from gateway.api.live.commands import Commands, Denied
from gateway.api.live.frames import error_frame, parse
from gateway.api.live.hub import Hub
from gateway.api.live.outgoing import Outgoing
from gateway.api.origin import AGENT_ID, Caller, bearer_token, header_text, peer_of
from gateway.api.replies import Reply, challenge, of_agent_api, problem_reply, rpc_error, too_many
from gateway.api.rpc import INVALID_REQUEST, Fault, failure
from gateway.api.rpc_errors import fault_of
from gateway.core.bus import Bus
from gateway.core.errors import Code, GatewayError, as_value
from gateway.core.eventlog import EventLog
from gateway.core.events import Event
from gateway.core.principal import Principal
from gateway.core.turns import Turns
from gateway.settings.model import LimitSettings

PATHS = {f"{PLUGIN_API}/events": PLUGIN_API, f"{AGENT_API}/events": AGENT_API}
# Seconds in which a client has to show a token.
AUTH_TIME = 5.0
# Seconds between two looks whether tokens still count.
_LOOK = 1.0
_STATUS = {Code.UNAUTHENTICATED: 401, Code.TOO_MANY: 429, Code.INVALID: 400}
_REFUSALS = (*_STATUS, Code.FORBIDDEN)
_NO_TOKEN = GatewayError(Code.UNAUTHENTICATED, f"no token within {AUTH_TIME:g} s")
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests"}


class _Left(Exception):  # noqa: N818 - what happened, no error of anybody
    """The client has closed the connection."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who has shown a token or a key with the handshake."""

    principal: Principal
    shown: Shown


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """WebSockets in figures.

    Attributes:
        open: that are open.
        sent: events that went out to one or another of them.
        cut: that were closed by the gateway, by why.
        refused: handshakes that were not accepted, by why.
    """

    open: int
    sent: int
    cut: Mapping[str, int]
    refused: Mapping[str, int]


class Live:
    """Brings events to clients as they happen.

    Web pages of other origins do not get here: ``Gate`` stands before this.

    Args:
        verify: tells who shows a token to a path family; raises GatewayError.
        bus: brings events in the order of their numbers.
        log: has those that were kept.
        published: the number of the last event that the bus has brought; at the start, one that none before reached.
        unlogged: those above a number that were published, and are to be in the log but are not yet.
        rates: handshakes count as requests.
        limits: in force.
        wall: Unix seconds.
        turns: at reading the log.

    Attributes:
        denied: told of each refusal: who, with which handshake, why, and what was to be heard.
        keys: proves API keys; None: there are none.
    """

    def __init__(
        self,
        *,
        verify: Callable[[str, str], Principal],
        bus: Bus[Event],
        log: EventLog,
        published: Callable[[], int],
        unlogged: Callable[[int], Sequence[Event]],
        rates: RateLimits,
        limits: Callable[[], LimitSettings],
        wall: Callable[[], float],
        turns: Turns,
    ) -> None:
        self._rates = rates
        self._limits = limits
        self._wall = wall
        self._hub = Hub(bus, log, published, unlogged, turns)
        self.denied: list[Denied] = []
        self.keys: ApiKeys | None = None
        # Those that have not come up are there as well, so that one is seen to be the first.
        self._cut = {code.name.lower(): 0 for code in Close}
        self._refused = {str(code): 0 for code in _REFUSALS}
        self._commands = Commands(self._hub, verify, limits, wall, self._deny, keys=lambda: self.keys)
        self._clients: dict[Client, None] = {}
        self._doubt = trio.Event()

    @property
    def figures(self) -> LiveFigures:
        """How many there are, with those that have shown no token yet, and how they fared since the start."""
        return LiveFigures(len(self._clients), self._hub.sent, dict(self._cut), dict(self._refused))

    def wants(self, type_: str) -> bool:
        """Whether anybody would want an event of this type, depending on its data."""
        return self._hub.interests.wants(type_)

    def recheck(self) -> None:
        """Some token no longer counts: no event goes to whom it was given. Costs nothing here."""
        self._doubt.set()

    async def run(self) -> None:
        """Hand out events, and close who may not have them any more. Runs until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hub.run, lambda: tuple(self._clients), self._check_if_in_doubt)
            while True:
                with trio.move_on_after(_LOOK):
                    await self._doubt.wait()
                self._check()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one WebSocket, to its end."""
        caller: _Caller | None = None
        refusal: GatewayError | None = None
        try:
            caller = self._caller(scope)
        except GatewayError as error:
            refusal = as_value(error)
        known = None if caller is None else caller.principal
        visit = self._rates.visit(peer_of(scope), known)
        limited = visit.admit()
        headers = visit.headers(self._wall())
        if refusal is None and known is not None:
            refusal = self._commands.crowded(known)
        if limited is not None:
            self._deny_handshake(known or _NO_TOKEN, scope, GatewayError(Code.TOO_MANY, "too many requests"))
            await _deny(scope, send, too_many(limited, scope["path"]), headers, self._wall())
        elif refusal is not None:
            self._deny_handshake(known or refusal, scope, refusal)
            await _deny(scope, send, _refusal(scope, refusal), headers, self._wall())
        else:
            await receive()
            await send({"type": "websocket.accept", "headers": headers})
            await self._serve(scope, receive, send, caller)

    def _deny_handshake(self, caller: Caller, scope: Scope, error: GatewayError) -> None:
        self._refused[str(error.code)] = self._refused.get(str(error.code), 0) + 1
        self._deny(caller, scope, error)

    def _deny(self, caller: Caller, scope: Scope, error: GatewayError, target: str | None = None) -> None:
        for tell in self.denied:
            tell(caller, scope, error, target)

    def _caller(self, scope: Scope) -> _Caller | None:
        """Who has shown a token with the handshake; None where nobody has.

        Raises:
            GatewayError: the token does not count, or the request is wrong.
        """
        if scope["query_string"]:
            reason = "leave the query out; a token goes into the Authorization header, or into a frame of type auth"
            raise GatewayError(Code.INVALID, reason)
        key = api_key(scope) if self.keys is not None else None
        if key is None and not any(name == b"authorization" for name, _ in scope["headers"]):
            return None
        shown = Shown(bearer_token(scope)) if key is None else Shown(key, is_key=True)
        principal = self._commands.admit(shown, PATHS[scope["path"]], peer_of(scope))
        if header(scope, AGENT_ID) is not None:
            check_agent_id(header_text(scope, AGENT_ID), principal)
        return _Caller(principal, shown)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, caller: _Caller | None) -> None:
        async with trio.open_nursery() as sending:
            client = Client(Outgoing(scope, send, sending), self._limits().event_queue, PATHS[scope["path"]], scope)
            if caller is not None:
                self._commands.connect(client, caller.principal, caller.shown)
            self._clients[client] = None
            try:
                await self._listen(client, receive)
            except _Left:
                return
            finally:
                del self._clients[client]
                self._commands.disconnect(client)
                client.outgoing.flush()
        if client.ending is not None:
            code, reason = client.ending
            self._cut[code.name.lower()] += 1
            await send({"type": "websocket.close", "code": int(code), "reason": reason})

    async def _listen(self, client: Client, receive: Receive) -> None:
        """Do what a client says until it leaves or is to end."""
        with client.scope:
            if client.principal is None:
                client.scope.deadline = trio.current_time() + AUTH_TIME
            while True:
                await self._take(client, await receive())
                if client.principal is not None:
                    client.scope.deadline = math.inf
        if client.ending is None:
            self._deny(_NO_TOKEN, client.handshake, _NO_TOKEN)
            client.end(Close.UNAUTHENTICATED, _NO_TOKEN.reason)

    async def _take(self, client: Client, event: AsgiEvent) -> None:
        if event["type"] == "websocket.disconnect":
            raise _Left
        if not client.count_frame():
            client.end(Close.TOO_MANY, "too many frames: at most 20 in a second")
        elif event.get("text") is None:
            client.end(Close.BINARY, "frames are JSON texts")
        else:
            try:
                await self._commands.obey(client, parse(event["text"]))
            except GatewayError as error:
                client.say(error_frame(error))

    def _check_if_in_doubt(self) -> None:
        if self._doubt.is_set():
            self._check()

    def _check(self) -> None:
        """Close who has shown a token that no longer counts, or allows something else than it did."""
        self._doubt = trio.Event()
        for client in tuple(self._clients):
            if client.principal is None or client.ending is not None:
                continue
            try:
                allowed = self._commands.still(client.shown, client.audience).scopes
                why = "" if allowed == client.principal.scopes else "the token allows something else now: connect again"
            except GatewayError as error:
                why = error.reason
            if why:
                self._hub.interests.drop(client)
                client.end(Close.UNAUTHENTICATED, why)


def _refusal(scope: Scope, error: GatewayError) -> Reply:
    """What a handshake is answered with that cannot be accepted."""
    status = _STATUS.get(error.code, 403)
    headers = challenge(scope) if status == 401 else ()
    if not of_agent_api(scope["path"]):
        return problem_reply(status, _TITLES[status], f"{error.reason}.", headers)
    if status == 400:
        return rpc_error(status, INVALID_REQUEST, "Invalid Request", error.reason)
    fault: Fault = fault_of(error)
    return Reply(status, failure(None, fault), headers)


async def _deny(scope: Scope, send: Send, reply: Reply, headers: Headers, now: float) -> None:
    """Answer a handshake with a response (ASGI, WebSocket Denial Response)."""

    async def deny(event: AsgiEvent) -> None:
        await send({**event, "type": f"websocket.{event['type']}"})

    every: Iterable[tuple[bytes, bytes]] = (*reply.headers, *headers, (b"connection", b"close"))
    request = request_id(scope, now)
    await respond(deny, reply.status, reply.body, request=request, content_type=reply.content_type, headers=every)
