"""The client for asynchronous programs, on trio or asyncio."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Self

import anyio
import anyio.to_thread
import httpx

from .agents import AddressCheck, Agents, AgentStatus, Announced, CardCheck, Heartbeat, Registration, Service, Services
from .alarms import Alarm, Alarms
from .async_event_stream import AsyncEventStream
from .effects import AskReport, Effect, KeepToken, Pause, Reply, Report, Response, Send, Steps, T
from .enrolment import Enrolment
from .errors import FerruleError
from .events import Events, Filter, Wanted
from .following import Following
from .keys import SigningKey
from .messages import Messages, Sent
from .operations import Moment
from .parts import CLOCKS, MAX_WAIT_S, assemble
from .rpc import Call
from .session import Clocks
from .tags import History, Reading, Scalar, Tags, WriteResult
from .tls import trust
from .transport import ANSWER_S, HEADERS, LIMITS, MAX_BODY, failure, late, response_of, timeouts, too_long

Reporter = Callable[[], Report | Awaitable[Report]]


class AsyncFerruleClient:
    """A gateway, as an agent or another program calls it: `FerruleClient` for trio and asyncio.

    Args and errors are those of `FerruleClient`. A call may be cancelled; after a write that was, the outcome is
    unknown.
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up."""
        await self._http.aclose()

    @property
    def token(self) -> str | None:
        """The bearer token it shows now. It is the gateway's business only: hand it to nobody."""
        return self._parts.session.token

    async def register(self) -> Registration:
        """Register, with the kept token where there is one, else with the enrolment.

        Raises:
            AuthenticationError: neither counts any more: the agent has to be enrolled.
        """
        return await self._run(self._membership.register())

    async def heartbeat(
        self, status: AgentStatus = AgentStatus.ACTIVE, metrics: Mapping[str, float] | None = None
    ) -> Heartbeat:
        """Say how the agent is; `wait` of the answer tells when to do so again. Renews the token in time."""
        return await self._run(self._membership.heartbeat(Report(status, metrics or {})))

    async def keep_alive(self, report: Reporter = Report, services: Iterable[Mapping[str, object]] = ()) -> NoReturn:
        """Stay registered until cancelled: heartbeats, new tokens, services announced in time, over all outages.

        Args:
            report: asked before each heartbeat; may be asynchronous.
            services: announced, and announced again within their ttl.

        Raises:
            FerruleError: what does not pass by itself: the agent has to be enrolled, its card or report is wrong.
        """
        await self._run(self._membership.stay(services), report)
        raise AssertionError("staying registered has no end")

    async def unregister(self) -> None:
        """Leave; services go too. Coming back needs a new enrolment."""
        await self._run(self._membership.unregister())

    async def list_agents(self, capability: str | None = None, *, active: bool | None = None) -> Agents:
        """The agents that are registered: those with this capability, those that are active or not."""
        return await self._run(self._operations.list_agents(capability, active))

    async def agent_card(self, agent_id: str) -> dict[str, object]:
        """The card another agent registered with: what its token is held against, and how it is called.

        Raises:
            AgentNotFoundError: it is not registered.
        """
        return await self._run(self._operations.agent_card(agent_id))

    async def discover_services(self, capability: str | None = None, location: str | None = None) -> Services:
        """The services that have this capability, at this location; both exactly as written."""
        return await self._run(self._operations.discover_services(capability, location))

    async def announce_service(self, service: Mapping[str, object]) -> Announced:
        """Announce a service, or prolong it. It is withdrawn after its `ttl` seconds (300)."""
        return await self._run(self._membership.announce(service))

    async def withdraw_service(self, service_id: str) -> None:
        """Withdraw a service of this agent before its time."""
        await self._run(self._membership.withdraw(service_id))

    async def validate_address(self, address: str) -> AddressCheck:
        """What the gateway makes of an address."""
        return await self._run(self._operations.validate_address(address))

    async def validate_agent_card(self, card: Mapping[str, object] | None = None) -> CardCheck:
        """What the gateway makes of a card; of the agent's own also whether its signature counts."""
        return await self._run(self._operations.validate_agent_card(card))

    async def call(self, method: str, params: Mapping[str, object] | None = None) -> object:
        """Any method of the gateway; its result as it came.

        Raises:
            FerruleError: no answer, or one that is an error.
        """
        return await self._run(self._operations.call(method, params))

    async def batch(self, calls: Iterable[Call]) -> list[object]:
        """Up to 20 calls in one request: of each its result, or an `RpcError` as a value."""
        return await self._run(self._operations.batch(calls))

    async def call_service(
        self,
        service: Service | str,
        method: str,
        params: Mapping[str, object] | None = None,
        *,
        path: str = "",
        token: str | None = None,
        ca: str | Path | bytes | None = None,
    ) -> object:
        """A method of another agent, called at its own endpoint; see `FerruleClient.call_service`.

        Raises:
            FerruleError: no answer, or one that is an error.
        """
        context = None if ca is None else trust(ca)
        return await self._run(
            self._operations.call_service(service, method, params, path=path, token=token, trust=context)
        )

    async def read_tags(self, tags: Sequence[str], max_age: float | None = None) -> dict[str, Reading]:
        """The readings of tags by name; what is older than `max_age` seconds is fetched from the device first."""
        return await self._run(self._operations.read_tags(tags, max_age))

    async def write_tag(self, tag: str, value: Scalar, lease: float | None = None) -> WriteResult:
        """Write a tag, once. Look at the outcome: after `unknown`, read the value before writing again.

        Raises:
            RpcError: the gateway refused the call itself, and nothing was written.
        """
        return await self._run(self._operations.write_tag(tag, value, lease))

    async def list_tags(
        self, line: str | None = None, device: str | None = None, *, limit: int | None = None, offset: int = 0
    ) -> Tags:
        """The tags there are."""
        return await self._run(self._operations.list_tags(line, device, limit, offset))

    async def history(self, tag: str, start: Moment, end: Moment, resolution: float | str | None = None) -> History:
        """What a tag was; with a resolution (seconds, or "1m") the means of such stretches."""
        return await self._run(self._operations.history(tag, start, end, resolution))

    async def list_alarms(
        self,
        state: str | None = None,
        *,
        severity: str | None = None,
        alarm: str | None = None,
        tag: str | None = None,
        offset: int = 0,
    ) -> Alarms:
        """The alarms of the configuration, the worst first; `state="standing"` are all but normal ones."""
        return await self._run(self._operations.list_alarms(state, severity, alarm, tag, offset))

    async def acknowledge_alarm(self, alarm_id: str, comment: str | None = None) -> Alarm:
        """Say that somebody has seen an alarm; it as it stands then."""
        return await self._run(self._operations.acknowledge_alarm(alarm_id, comment))

    async def send_message(
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
        return await self._run(
            self._operations.send_message(
                to_agent, content, priority=priority, category=category, correlation_id=correlation_id, ttl=ttl
            )
        )

    async def messages(self, after: int = 0, limit: int | None = None, *, waiting: bool = True) -> Messages:
        """Messages to this agent, oldest first, that wait to be acknowledged; else all that are there."""
        return await self._run(self._operations.messages(after, limit, waiting=waiting))

    async def acknowledge_message(self, message_id: str) -> datetime:
        """Say that a message arrived, and waits no longer; when that was noted first."""
        return await self._run(self._operations.acknowledge_message(message_id))

    async def list_events(self, after: int = 0, type_: str | None = None, limit: int | None = None) -> Events:
        """Events that are kept, oldest first: after a number, of types that fit a pattern such as `alarm:*`."""
        return await self._run(self._operations.list_events(after, type_, limit))

    def follow_events(
        self,
        channels: Sequence[str] = (),
        patterns: Sequence[str] = (),
        filter: Filter | None = None,  # noqa: A002 # as the gateway calls it
        *,
        since: int | None = None,
    ) -> AsyncEventStream:
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
        return AsyncEventStream(following, self._parts.trust, self._timeout)

    async def _run(self, steps: Steps[T], report: Reporter = Report) -> T:
        """Do what an operation asks for, until it has its result."""
        try:
            effect = next(steps)
            while True:
                try:
                    reply = await self._perform(effect, report)
                except FerruleError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    async def _perform(self, effect: Effect, report: Reporter) -> Reply:
        match effect:
            case Send():
                return await self._send(effect)
            case Pause(seconds):
                await anyio.sleep(seconds)
            case AskReport():
                told = report()
                return await told if inspect.isawaitable(told) else told
            case KeepToken(token):
                if self._parts.token_file is not None:
                    # The enrolment is used up by now: a token that is not kept could only be replaced by an operator.
                    with anyio.CancelScope(shield=True):
                        await anyio.to_thread.run_sync(self._parts.token_file.save, token)
        return None

    async def _send(self, request: Send) -> Response:
        if request.trust is None:
            return await self._exchange(self._http, request)
        async with _http(request.trust, self._timeout) as http:
            return await self._exchange(http, request)

    async def _exchange(self, http: httpx.AsyncClient, request: Send) -> Response:
        body = bytearray()
        headers = dict(request.headers)
        with anyio.move_on_after(self._timeout):
            try:
                async with http.stream("POST", request.url, content=request.body, headers=headers) as response:
                    async for piece in response.aiter_raw():
                        body += piece
                        if len(body) > MAX_BODY:
                            raise too_long(request.url)
                    return response_of(response, bytes(body))
            except httpx.HTTPError as error:
                raise failure(error, request.url) from error
        raise late(request.url, self._timeout)


def _http(context: ssl.SSLContext, timeout: float) -> httpx.AsyncClient:
    # The environment names proxies, which no call within a LAN goes through, and other authorities.
    return httpx.AsyncClient(
        verify=context,
        trust_env=False,
        follow_redirects=False,
        timeout=timeouts(timeout),
        headers=HEADERS,
        limits=LIMITS,
    )
