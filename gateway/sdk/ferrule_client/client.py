"""The client for programs that block: one thread, or several."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

import httpx

from .agents import AddressCheck, Agents, AgentStatus, Announced, CardCheck, Heartbeat, Registration, Service, Services
from .alarms import Alarm, Alarms
from .effects import AskReport, Effect, KeepToken, Pause, Reply, Report, Response, Send, Steps, T
from .enrolment import Enrolment
from .errors import FerruleError
from .event_stream import EventStream
from .events import Events, Filter, Wanted
from .following import Following
from .heartbeats import Heartbeats
from .keys import SigningKey
from .messages import Messages, Sent
from .operations import Moment
from .parts import CLOCKS, MAX_WAIT_S, assemble
from .rpc import Call
from .session import Clocks
from .tags import History, Reading, Scalar, Tags, WriteResult
from .tls import trust
from .transport import ANSWER_S, HEADERS, LIMITS, MAX_BODY, failure, late, response_of, timeouts, too_long


class _StoppedError(Exception):
    """Nobody waits any longer for what was being done."""


class FerruleClient:
    """A gateway, as an agent or another program calls it. May be used by several threads at once.

    Args:
        endpoint: `https://192.168.1.10:3500`; the address is private (RFC 1918) or loopback.
        agent_card: the agent's card; None for a program that is no agent and has a token.
        ca: whom to trust: the gateway's `ca.pem` or a bundle, as a path or its content.
        enrolment: what `ferrule agents enrol` printed, or the path of a file with it.
        key: what the card is signed with, where that does not come with the enrolment: an `Ed25519Key`, or the
            `SharedSecret` of an agent that was enrolled long ago.
        token: a token to begin with, such as one of `ferrule token`.
        token_file: where the agent's token is kept over its restarts. Without it an agent that was restarted has to be
            enrolled anew.
        client_cert: certificate and key in one PEM file, for a gateway with `[server] client_ca`.
        timeout: seconds a whole answer may take.
        max_wait: seconds a call may wait in all where there were too many; 0 gives a `RateLimitError` at once.
        clocks: where time comes from.

    Raises:
        ConfigurationError: something of this cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        agent_card: Mapping[str, object] | None = None,
        *,
        ca: str | Path | bytes,
        enrolment: Enrolment | str | Path | None = None,
        key: SigningKey | None = None,
        token: str | None = None,
        token_file: str | Path | None = None,
        client_cert: str | Path | None = None,
        timeout: float = ANSWER_S,
        max_wait: float = MAX_WAIT_S,
        clocks: Clocks = CLOCKS,
    ) -> None:
        self._parts = assemble(
            endpoint,
            agent_card,
            ca=ca,
            enrolment=enrolment,
            key=key,
            token=token,
            token_file=token_file,
            client_cert=client_cert,
            max_wait=max_wait,
            clocks=clocks,
        )
        self._operations = self._parts.operations
        self._membership = self._parts.membership
        self._timeout = timeout
        self._http = _http(self._parts.trust, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    @property
    def token(self) -> str | None:
        """The bearer token it shows now. It is the gateway's business only: hand it to nobody."""
        return self._parts.session.token

    def register(self) -> Registration:
        """Register, with the kept token where there is one, else with the enrolment.

        Raises:
            AuthenticationError: neither counts any more: the agent has to be enrolled.
        """
        return self._run(self._membership.register())

    def heartbeat(
        self, status: AgentStatus = AgentStatus.ACTIVE, metrics: Mapping[str, float] | None = None
    ) -> Heartbeat:
        """Say how the agent is; `wait` of the answer tells when to do so again. Renews the token in time."""
        return self._run(self._membership.heartbeat(Report(status, metrics or {})))

    def keep_alive(
        self,
        report: Callable[[], Report] = Report,
        services: Iterable[Mapping[str, object]] = (),
        stop: threading.Event | None = None,
    ) -> None:
        """Stay registered until told to stop: heartbeats, new tokens, services announced in time, over all outages.

        Args:
            report: asked before each heartbeat.
            services: announced, and announced again within their ttl.
            stop: ends it, within a second or a call that is being answered.

        Raises:
            FerruleError: what does not pass by itself: the agent has to be enrolled, its card or report is wrong.
        """
        try:
            self._run(self._membership.stay(services), report, stop)
        except _StoppedError:
            return

    def heartbeats(
        self, report: Callable[[], Report] = Report, services: Iterable[Mapping[str, object]] = ()
    ) -> Heartbeats:
        """`keep_alive` in a thread of its own, for as long as a `with` block runs."""
        return Heartbeats(self.keep_alive, report, services)

    def unregister(self) -> None:
        """Leave; services go too. Coming back needs a new enrolment."""
        self._run(self._membership.unregister())

    def list_agents(self, capability: str | None = None, *, active: bool | None = None) -> Agents:
        """The agents that are registered: those with this capability, those that are active or not."""
        return self._run(self._operations.list_agents(capability, active))

    def agent_card(self, agent_id: str) -> dict[str, object]:
        """The card another agent registered with: what its token is held against, and how it is called.

        Raises:
            AgentNotFoundError: it is not registered.
        """
        return self._run(self._operations.agent_card(agent_id))

    def discover_services(self, capability: str | None = None, location: str | None = None) -> Services:
        """The services that have this capability, at this location; both exactly as written."""
        return self._run(self._operations.discover_services(capability, location))

    def announce_service(self, service: Mapping[str, object]) -> Announced:
        """Announce a service, or prolong it. It is withdrawn after its `ttl` seconds (300)."""
        return self._run(self._membership.announce(service))

    def withdraw_service(self, service_id: str) -> None:
        """Withdraw a service of this agent before its time."""
        self._run(self._membership.withdraw(service_id))

    def validate_address(self, address: str) -> AddressCheck:
        """What the gateway makes of an address."""
        return self._run(self._operations.validate_address(address))

    def validate_agent_card(self, card: Mapping[str, object] | None = None) -> CardCheck:
        """What the gateway makes of a card; of the agent's own also whether its signature counts."""
        return self._run(self._operations.validate_agent_card(card))

    def call(self, method: str, params: Mapping[str, object] | None = None) -> object:
        """Any method of the gateway; its result as it came.

        Raises:
            FerruleError: no answer, or one that is an error.
        """
        return self._run(self._operations.call(method, params))

    def batch(self, calls: Iterable[Call]) -> list[object]:
        """Up to 20 calls in one request: of each its result, or an `RpcError` as a value."""
        return self._run(self._operations.batch(calls))

    def call_service(
        self,
        service: Service | str,
        method: str,
        params: Mapping[str, object] | None = None,
        *,
        path: str = "",
        token: str | None = None,
        ca: str | Path | bytes | None = None,
    ) -> object:
        """A method of another agent, called at its own endpoint.

        Args:
            service: what was discovered, or its endpoint; the address is private.
            method: of that agent.
            params: by name.
            path: below the endpoint.
            token: shown there, such as one of a `TokenManager`. The gateway's token is never shown to others.
            ca: whom to trust there, instead of the gateway's authority.

        Raises:
            FerruleError: no answer, or one that is an error.
        """
        context = None if ca is None else trust(ca)
        return self._run(self._operations.call_service(service, method, params, path=path, token=token, trust=context))

    def read_tags(self, tags: Sequence[str], max_age: float | None = None) -> dict[str, Reading]:
        """The readings of tags by name; what is older than `max_age` seconds is fetched from the device first."""
        return self._run(self._operations.read_tags(tags, max_age))

    def write_tag(self, tag: str, value: Scalar, lease: float | None = None) -> WriteResult:
        """Write a tag, once. Look at the outcome: after `unknown`, read the value before writing again.

        Raises:
            RpcError: the gateway refused the call itself, and nothing was written.
        """
        return self._run(self._operations.write_tag(tag, value, lease))

    def list_tags(
        self, line: str | None = None, device: str | None = None, *, limit: int | None = None, offset: int = 0
    ) -> Tags:
        """The tags there are."""
        return self._run(self._operations.list_tags(line, device, limit, offset))

    def history(self, tag: str, start: Moment, end: Moment, resolution: float | str | None = None) -> History:
        """What a tag was; with a resolution (seconds, or "1m") the means of such stretches."""
        return self._run(self._operations.history(tag, start, end, resolution))

    def list_alarms(
        self,
        state: str | None = None,
        *,
        severity: str | None = None,
        alarm: str | None = None,
        tag: str | None = None,
        offset: int = 0,
    ) -> Alarms:
        """The alarms of the configuration, the worst first; `state="standing"` are all but normal ones."""
        return self._run(self._operations.list_alarms(state, severity, alarm, tag, offset))

    def acknowledge_alarm(self, alarm_id: str, comment: str | None = None) -> Alarm:
        """Say that somebody has seen an alarm; it as it stands then."""
        return self._run(self._operations.acknowledge_alarm(alarm_id, comment))

    def send_message(
        self,
        to_agent: str,
        content: str,
        *,
        priority: str = "normal",
        category: str = "general",
        correlation_id: str | None = None,
        ttl: float | None = None,
    ) -> Sent:
        """Write to another agent; it is on the gateway's disk then. After `UnreachableError` with `sent` it may be."""
        return self._run(
            self._operations.send_message(
                to_agent, content, priority=priority, category=category, correlation_id=correlation_id, ttl=ttl
            )
        )

    def messages(self, after: int = 0, limit: int | None = None, *, waiting: bool = True) -> Messages:
        """Messages to this agent, oldest first, that wait to be acknowledged; else all that are there."""
        return self._run(self._operations.messages(after, limit, waiting=waiting))

    def acknowledge_message(self, message_id: str) -> datetime:
        """Say that a message arrived, and waits no longer; when that was noted first."""
        return self._run(self._operations.acknowledge_message(message_id))

    def list_events(self, after: int = 0, type_: str | None = None, limit: int | None = None) -> Events:
        """Events that are kept, oldest first: after a number, of types that fit a pattern such as `alarm:*`."""
        return self._run(self._operations.list_events(after, type_, limit))

    def follow_events(
        self,
        channels: Sequence[str] = (),
        patterns: Sequence[str] = (),
        filter: Filter | None = None,  # noqa: A002 # as the gateway calls it
        *,
        since: int | None = None,
    ) -> EventStream:
        """Events as they happen, over all outages, with none left out; needs the package `wsproto`.

        Args:
            channels: such as `alarms`.
            patterns: of types, such as `alarm:*`, or of routing keys, such as `shop.*`.
            filter: of members of the data, the values one of which each must have.
            since: `seq` of the last event that was seen; 0: all that is kept; None: from now on.

        Raises:
            ConfigurationError: nothing is wanted, or in a wrong way.
        """
        following = Following(self._parts.session, Wanted.of(channels, patterns, filter), since)
        return EventStream(following, self._parts.trust, self._timeout)

    def _run(self, steps: Steps[T], report: Callable[[], Report] = Report, stop: threading.Event | None = None) -> T:
        """Do what an operation asks for, until it has its result."""
        try:
            effect = next(steps)
            while True:
                try:
                    reply = self._perform(effect, report, stop)
                except FerruleError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    def _perform(self, effect: Effect, report: Callable[[], Report], stop: threading.Event | None) -> Reply:
        if stop is not None and stop.is_set():
            raise _StoppedError
        match effect:
            case Send():
                return self._send(effect)
            case Pause(seconds) if stop is not None:
                if stop.wait(seconds):
                    raise _StoppedError
            case Pause(seconds):
                time.sleep(seconds)
            case AskReport():
                return report()
            case KeepToken(token):
                if self._parts.token_file is not None:
                    self._parts.token_file.save(token)
        return None

    def _send(self, request: Send) -> Response:
        if request.trust is None:
            return self._exchange(self._http, request)
        with _http(request.trust, self._timeout) as http:
            return self._exchange(http, request)

    def _exchange(self, http: httpx.Client, request: Send) -> Response:
        end = time.monotonic() + self._timeout
        body = bytearray()
        try:
            with http.stream("POST", request.url, content=request.body, headers=dict(request.headers)) as response:
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > MAX_BODY:
                        raise too_long(request.url)
                    if time.monotonic() > end:
                        raise late(request.url, self._timeout)
                return response_of(response, bytes(body))
        except httpx.HTTPError as error:
            raise failure(error, request.url) from error


def _http(context: ssl.SSLContext, timeout: float) -> httpx.Client:
    # The environment names proxies, which no call within a LAN goes through, and other authorities.
    return httpx.Client(
        verify=context,
        trust_env=False,
        follow_redirects=False,
        timeout=timeouts(timeout),
        headers=HEADERS,
        limits=LIMITS,
    )
