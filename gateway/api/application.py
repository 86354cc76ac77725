"""The ASGI application: which path is answered by whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import trio

from gateway.access.limits.rates import RateLimits, Visit
from gateway.access.oauth.api_keys import ApiKeys
from gateway.api import rpc
from gateway.api.agent_api import RPC_PATH, AgentApi
from gateway.api.agent_calls import AgentCalls
from gateway.api.asgi import (
    ANSWER_TIME,
    WAITED,
    Application,
    Disconnected,
    Receive,
    Scope,
    Send,
    request_id,
    respond,
    time_limit,
)
from gateway.api.denials import note_foreign, note_refused, note_unheard
from gateway.api.dispatch import Dispatch
from gateway.api.identity import Identity
from gateway.api.live.live import PATHS as LIVE_PATHS
from gateway.api.live.live import Live
from gateway.api.methods.agent import agent_methods
from gateway.api.methods.alarm import alarm_methods
from gateway.api.methods.alert import alert_methods
from gateway.api.methods.capability import capability_methods
from gateway.api.methods.discovery import discovery_methods
from gateway.api.methods.event import event_methods
from gateway.api.methods.governor import governor_methods
from gateway.api.methods.lease import lease_methods
from gateway.api.methods.line import line_methods
from gateway.api.methods.message import message_methods
from gateway.api.methods.modbus import modbus_methods
from gateway.api.methods.security import security_methods
from gateway.api.methods.serial import serial_methods
from gateway.api.methods.server import server_methods
from gateway.api.methods.tag import tag_methods
from gateway.api.methods.token import token_methods
from gateway.api.methods.tools import tool_methods
from gateway.api.metrics.exposition import CONTENT_TYPE
from gateway.api.metrics.instruments import HttpMeter, Instruments
from gateway.api.metrics.page import MetricsPage
from gateway.api.origin import Caller, on_this_machine, peer_of
from gateway.api.parts import AgentParts, GovernorParts
from gateway.api.performance import Performance
from gateway.api.replies import (
    Reply,
    challenge,
    not_allowed,
    of_agent_api,
    of_plugin_api,
    problem_reply,
    rpc_error,
)
from gateway.api.request import CLOSE, Request, crowded
from gateway.api.rest.application import PluginApi
from gateway.api.rest.door import Door
from gateway.api.rest.ports import EventParts
from gateway.api.rest.problem_pages import PROBLEMS, problem_page
from gateway.api.rest.replays import Replays
from gateway.api.rest.route import Route as PluginRoute
from gateway.api.rest.sdk_shelf import Shelf
from gateway.api.rest.tools import Description, tool_routes
from gateway.api.rest.versions import RETIREMENTS, Lifecycle, Retirement
from gateway.api.seed_paths import find
from gateway.api.streaming import respond_streaming
from gateway.core.audit import AuditLog
from gateway.core.errors import GatewayError
from gateway.core.ports import DeviceAccess, History, Store
from gateway.core.principal import Kind, Principal
from gateway.core.timeline import Timeline
from gateway.core.usage import CallCounter
from gateway.settings.model import Settings

METRICS_PATH = "/metrics"
_TOO_MANY = 429
METRICS_SCOPE = "metrics:read"
_WHERE = f"The device API is at {RPC_PATH}, the plugin API under /v1"


def make_application(
    *,
    settings: Settings,
    version: str,
    agents: AgentParts,
    governing: GovernorParts,
    audit: AuditLog,
    rates: RateLimits,
    timeline: Timeline,
    devices: DeviceAccess,
    history: History,
    store: Store,
    instruments: Instruments,
    performance: Performance,
    events: EventParts,
    live: Live | None = None,
    routes: Iterable[PluginRoute] = (),
    keys: ApiKeys | None = None,
    usage: CallCounter | None = None,
    retirements: Sequence[Retirement] = RETIREMENTS,
    replays: Replays | None = None,
) -> Application:
    """Build the API. Call it inside the run loop: response times are measured on its clock.

    Args:
        settings: name and location are used.
        version: of this software, for ``server.info``.
        agents: who calls, and who is registered.
        governing: governors, analyses and alerts.
        audit: is told of writes, administration and refusals.
        rates: how much callers may ask, and the limits in force.
        timeline: the time callers are told.
        devices: the field side.
        history: what tags said in the past.
        store: how the disk is.
        instruments: what is measured for ``/metrics``.
        performance: how the API does.
        events: what happens, messages and alarms.
        live: answers WebSockets; None: there are none.
        routes: of the plugin API.
        keys: proves API keys; None: there are none.
        usage: counts calls; None: nobody does.
        retirements: what of the plugin API ends.
        replays: carries out once what comes twice; None: nobody does.
    """
    methods = {
        **server_methods(
            name=settings.gateway.name,
            location=settings.gateway.location,
            version=version,
            limits=lambda: rates.settings,
            devices=devices,
            store=store,
            agents=agents.directory.counts,
            performance=performance,
            now=timeline.now,
        ),
        **line_methods(devices),
        **lease_methods(devices),
        **tag_methods(devices, history, audit),
        **modbus_methods(devices, audit),
        **tool_methods(devices, timeline.now, audit),
        **serial_methods(devices, audit),
        **agent_methods(agents, audit),
        **discovery_methods(agents.directory),
        **security_methods(agents),
        **token_methods(agents, audit),
        **governor_methods(governing.governors, governing.analyses),
        **alert_methods(governing.alerts),
        **event_methods(events.history, events.turns),
        **message_methods(events.messages),
        **alarm_methods(events.alarms, audit),
    }
    calls = AgentCalls(agents.ca, agents.devices, agents.is_own, timeline.now)
    methods |= capability_methods(methods, devices, agents.directory, calls, audit)
    identity = Identity(agents, keys)
    lifecycle = Lifecycle(timeline.now, retirements)

    async def within(scope: Scope, receive: Receive) -> Reply:
        return await api.answer_within(scope, receive)

    shelf = Shelf(Path(settings.server.sdks) if settings.server.sdks else None)
    description = Description(lambda: table, methods, lifecycle)
    table = (*routes, *tool_routes(description, within, shelf, instruments.sdks.count))
    plugins = PluginApi(
        table,
        Door(
            identity,
            audit,
            lambda: rates.settings.body_size,
            lifecycle,
            if_match=settings.server.require_if_match,
            replays=replays,
        ),
    )
    rates.know([*methods, *plugins.names])
    if live is not None:
        live.keys = keys
        live.denied.append(partial(note_unheard, audit))
    instruments.http.foreign.append(partial(note_foreign, audit))
    page = MetricsPage(
        name=settings.gateway.name,
        location=settings.gateway.location,
        version=version,
        devices=devices,
        store=store,
        agents=agents.directory.counts,
        governing=governing,
        events=events,
        live=live,
        rates=rates,
        instruments=instruments,
        wall=timeline.now,
    )
    api = _Api(
        AgentApi(Dispatch(methods, instruments.http.called), identity, audit, rates),
        identity=identity,
        plugins=plugins,
        audit=audit,
        rates=rates,
        timeline=timeline,
        performance=performance,
        http=instruments.http,
        metrics=page,
        live=live,
        usage=usage,
    )
    return api


class _Api:
    """One instance answers all requests."""

    def __init__(
        self,
        agent_api: AgentApi,
        *,
        identity: Identity,
        plugins: PluginApi,
        audit: AuditLog,
        rates: RateLimits,
        timeline: Timeline,
        performance: Performance,
        http: HttpMeter,
        metrics: MetricsPage,
        live: Application | None,
        usage: CallCounter | None,
    ) -> None:
        self._agent_api = agent_api
        self._identity = identity
        self._plugins = plugins
        self._audit = audit
        self._rates = rates
        self._timeline = timeline
        self._performance = performance
        self._http = http
        self._metrics = metrics
        self._live = live
        self._usage = usage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket" and self._live is not None and scope["path"] in LIVE_PATHS:
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http":
            # A WebSocket handshake: closing before accepting answers it with 403.
            await send({"type": "websocket.close"})
            return
        begun = trio.current_time()
        status = None
        self._http.begin()
        try:
            status = await self._answer(scope, receive, send, begun)
        except Disconnected:
            return
        finally:
            self._http.end(_family(scope["path"]), status, trio.current_time() - begun)

    async def answer_within(self, scope: Scope, receive: Receive) -> Reply:
        """Answer a request that is made by another one, as if it had come from outside."""
        reply, visit, _ = await self._replied(scope, receive, trio.current_time())
        return replace(reply, headers=(*reply.headers, *visit.headers(self._timeline.now())))

    async def _replied(self, scope: Scope, receive: Receive, begun: float) -> tuple[Reply, Visit, Caller]:
        caller = self._identity.caller(scope)
        visit = self._rates.visit(peer_of(scope), caller if isinstance(caller, Principal) else None)
        request = Request(scope, receive, caller, visit, begun + time_limit(scope, "answer", ANSWER_TIME))
        if isinstance(caller, Principal) and caller.kind is Kind.AGENT:
            reply = await self._agents_reply(request, caller)
        else:
            reply = await self._reply(request)
        if reply.status == _TOO_MANY:
            note_refused(self._audit, caller, scope)
        return reply, visit, caller

    async def _answer(self, scope: Scope, receive: Receive, send: Send, begun: float) -> int:
        reply, visit, caller = await self._replied(scope, receive, begun)
        now = self._timeline.now()
        took, fault = trio.current_time() - begun - scope.get(WAITED, 0.0), reply.status >= 500
        self._performance.note(took, fault=fault)
        if self._usage is not None:
            self._usage.call(caller.subject if isinstance(caller, Principal) else None, took, fault=fault)
        name, headers = request_id(scope, now), (*reply.headers, *visit.headers(now))
        if reply.stream is None:
            await respond(
                send, reply.status, reply.body, request=name, content_type=reply.content_type, headers=headers
            )
        else:
            await respond_streaming(
                send, scope, reply.status, reply.stream, request=name, content_type=reply.content_type, headers=headers
            )
        return reply.status

    async def _agents_reply(self, request: Request, agent: Principal) -> Reply:
        """The same for an agent, which may have so many requests under way (``[limits] agent_connections``)."""
        if not self._rates.connect(agent):
            return request.refused(CLOSE) or crowded(self._rates.settings.agent_connections, request.path)
        try:
            return await self._reply(request)
        finally:
            self._rates.disconnect(agent)

    async def _reply(self, request: Request) -> Reply:
        path, verb = request.scope["path"], request.scope["method"]
        if path == RPC_PATH and verb == "POST":
            return await self._agent_api.answer_rpc(request)
        if of_plugin_api(path) or self._plugins.opens(path):
            return await self._plugins.reply(request)
        found = find(path, verb)
        if found is not None and found.route is not None:
            return await self._agent_api.answer_path(request, found, found.route)
        if (refused := request.refused()) is not None:
            return refused
        if path == RPC_PATH or found is not None:
            return not_allowed(verb, path, b"POST" if found is None else found.allow)
        if path == METRICS_PATH:
            return await self._metrics_page(request.scope, request.caller)
        if path.startswith(PROBLEMS):
            return problem_page(verb, path)
        if of_agent_api(path):
            return rpc_error(404, rpc.METHOD_NOT_FOUND, "Method not found", f"there is nothing at {path}")
        return problem_reply(404, "Not Found", f"There is nothing at {path}. {_WHERE}.")

    async def _metrics_page(self, scope: Scope, caller: Caller) -> Reply:
        """``GET /metrics``: for who may read it, and for programs on this machine (ruling 24)."""
        if scope["method"] not in {"GET", "HEAD"}:
            return not_allowed(scope["method"], METRICS_PATH, b"GET, HEAD")
        here = on_this_machine(peer_of(scope))
        if not here and isinstance(caller, GatewayError):
            return problem_reply(401, "Unauthorized", f"{caller.reason}.", challenge(scope))
        if not here and isinstance(caller, Principal) and not caller.may(METRICS_SCOPE):
            reason = f"{METRICS_PATH} needs the scope {METRICS_SCOPE}, which this token does not have."
            return problem_reply(403, "Forbidden", reason, challenge(scope, METRICS_SCOPE))
        return Reply(200, await self._metrics.text(), content_type=CONTENT_TYPE)


def _family(path: str) -> str:
    """The family a path belongs to, for the metrics: there are few, whatever callers ask for."""
    if path == RPC_PATH:
        return "rpc"
    if path == METRICS_PATH:
        return "metrics"
    if of_plugin_api(path):
        return "plugins"
    return "api" if of_agent_api(path) else "other"
