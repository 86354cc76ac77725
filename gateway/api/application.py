"""The ASGI application: which path is answered by whom, in which envelope, with which status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs

import structlog
import trio

from gateway.access.limits.rates import RateLimits, Visit
from gateway.access.tokens import AGENT_API, OperatorTokens
from gateway.api import rpc
from gateway.api.asgi import (
    ANSWER_TIME,
    Application,
    BodyError,
    Disconnected,
    Receive,
    Scope,
    Send,
    header,
    read_body,
    request_id,
    respond,
    time_limit,
)
from gateway.api.dispatch import Dispatch
from gateway.api.methods.lease import lease_methods
from gateway.api.methods.line import line_methods
from gateway.api.methods.modbus import modbus_methods
from gateway.api.methods.serial import serial_methods
from gateway.api.methods.server import server_methods
from gateway.api.methods.tag import tag_methods
from gateway.api.methods.tools import tool_methods
from gateway.api.metrics.exposition import CONTENT_TYPE
from gateway.api.metrics.instruments import HttpMeter, Instruments
from gateway.api.metrics.page import MetricsPage
from gateway.api.origin import Caller, bearer_token, on_this_machine, peer_of
from gateway.api.performance import Performance
from gateway.api.replies import (
    Reply,
    challenge,
    challenge_of,
    not_allowed,
    of_agent_api,
    problem_reply,
    retry_after,
    rpc_error,
    too_many,
)
from gateway.api.rpc_errors import STATUS, STATUS_OF_RPC, fault_of
from gateway.core.errors import GatewayError
from gateway.core.ports import DeviceAccess, History, Store
from gateway.core.principal import Principal
from gateway.core.timeline import Timeline
from gateway.settings.model import Settings

log = structlog.stdlib.get_logger(__name__)

RPC_PATH = f"{AGENT_API}/rpc"
METRICS_PATH = "/metrics"
METRICS_SCOPE = "metrics:read"
# Paths of the seed that stand for one method each.
METHOD_PATHS: Mapping[str, str] = {f"{AGENT_API}/info": "server.info", f"{AGENT_API}/health": "server.health"}

_JSON = frozenset({b"application/json", b"application/json-rpc"})
_LONGEST_NUMBER = 18
# A body of so many bytes is read also of a caller who is refused, so that the answer can carry the id of the call.
_READ_OF_REFUSED = 16 * 1024
# What is left of a body must not be taken for the next request.
CLOSE = ((b"connection", b"close"),)


def make_application(
    *,
    settings: Settings,
    version: str,
    tokens: OperatorTokens,
    rates: RateLimits,
    timeline: Timeline,
    devices: DeviceAccess,
    history: History,
    store: Store,
    instruments: Instruments,
) -> Application:
    """Build the API. Call it inside the run loop: response times are measured on its clock.

    Args:
        settings: name and location are used.
        version: of this software, for ``server.info``.
        tokens: tell who calls.
        rates: how much callers may ask, and the limits in force.
        timeline: the time callers are told.
        devices: the field side.
        history: what tags said in the past.
        store: how the disk is.
        instruments: what is measured for ``/metrics``.
    """
    performance = Performance(trio.current_time)
    methods = {
        **server_methods(
            name=settings.gateway.name,
            location=settings.gateway.location,
            version=version,
            limits=lambda: rates.settings,
            devices=devices,
            store=store,
            performance=performance,
            now=timeline.now,
        ),
        **line_methods(devices),
        **lease_methods(devices),
        **tag_methods(devices, history),
        **modbus_methods(devices),
        **tool_methods(devices, timeline.now),
        **serial_methods(devices),
    }
    rates.know(methods)
    page = MetricsPage(
        name=settings.gateway.name,
        location=settings.gateway.location,
        version=version,
        devices=devices,
        store=store,
        rates=rates,
        instruments=instruments,
        wall=timeline.now,
    )
    return _Api(
        Dispatch(methods, instruments.http.called),
        tokens=tokens,
        rates=rates,
        timeline=timeline,
        performance=performance,
        http=instruments.http,
        metrics=page,
    )


class _Api:
    """One instance answers all requests."""

    def __init__(
        self,
        dispatch: Dispatch,
        *,
        tokens: OperatorTokens,
        rates: RateLimits,
        timeline: Timeline,
        performance: Performance,
        http: HttpMeter,
        metrics: MetricsPage,
    ) -> None:
        self._dispatch = dispatch
        self._tokens = tokens
        self._rates = rates
        self._timeline = timeline
        self._performance = performance
        self._http = http
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
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

    async def _answer(self, scope: Scope, receive: Receive, send: Send, begun: float) -> int:
        caller = self._caller(scope)
        visit = self._rates.visit(peer_of(scope), caller if isinstance(caller, Principal) else None)
        reply = await self._reply(scope, receive, caller, visit, begun + time_limit(scope, "answer", ANSWER_TIME))
        now = self._timeline.now()
        request = request_id(scope, now)
        self._performance.note(trio.current_time() - begun, fault=reply.status >= 500)
        await respond(
            send,
            reply.status,
            reply.body,
            request=request,
            content_type=reply.content_type,
            headers=(*reply.headers, *visit.headers(now)),
        )
        return reply.status

    async def _reply(self, scope: Scope, receive: Receive, caller: Caller, visit: Visit, deadline: float) -> Reply:
        path, verb = scope["path"], scope["method"]
        if path == RPC_PATH and verb == "POST":
            return await self._rpc(scope, receive, caller, visit, deadline)
        if path in METHOD_PATHS and verb in {"GET", "HEAD"}:
            return await self._method_path(METHOD_PATHS[path], scope, caller, visit, deadline)
        refused = visit.admit()
        if refused is not None:
            return too_many(refused, path)
        if path == RPC_PATH:
            return not_allowed(verb, path, b"POST")
        if path in METHOD_PATHS:
            return not_allowed(verb, path, b"GET, HEAD")
        if path == METRICS_PATH:
            return await self._metrics_page(scope, caller)
        if of_agent_api(path):
            return rpc_error(404, rpc.METHOD_NOT_FOUND, "Method not found", f"there is nothing at {path}")
        return problem_reply(404, "Not Found", f"There is nothing at {path}. The device API is at {RPC_PATH}.")

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

    async def _rpc(self, scope: Scope, receive: Receive, caller: Caller, visit: Visit, deadline: float) -> Reply:
        """``POST /api/v1/rpc``: every method, single or in batches (rulings 13 and 17, D-024)."""
        if not _is_json(scope):
            refused = visit.admit()
            if refused is not None:
                return too_many(refused, RPC_PATH)
            reason = "send Content-Type: application/json, without Content-Encoding"
            return rpc_error(415, rpc.INVALID_REQUEST, "Invalid Request", reason)
        if not _is_short(scope) and visit.look() is not None and (refused := visit.admit()) is not None:
            return too_many(refused, RPC_PATH, headers=CLOSE)
        try:
            body = await read_body(scope, receive, self._rates.settings.body_size)
        except BodyError as error:
            refused = visit.admit()
            if refused is not None:
                return too_many(refused, RPC_PATH, headers=CLOSE)
            return rpc_error(error.status, rpc.INVALID_REQUEST, "Invalid Request", error.reason, CLOSE)
        parsed = rpc.parse(body)
        if isinstance(parsed, rpc.Batch):
            return await self._batch(parsed, scope, caller, visit, deadline)
        refused = visit.admit(self._dispatch.capability(parsed, caller))
        if refused is not None:
            return too_many(refused, RPC_PATH, id_=parsed.id)
        answer = await self._dispatch.answer(parsed, caller, scope, deadline)
        status = 200 if answer.fault is None else STATUS_OF_RPC.get(answer.fault.code, 200)
        if isinstance(parsed, rpc.Call) and parsed.notification and status == 200:
            return Reply(204)
        return Reply(status, answer.body, challenge_of(status, scope, answer) + retry_after(status, answer))

    async def _batch(self, batch: rpc.Batch, scope: Scope, caller: Caller, visit: Visit, deadline: float) -> Reply:
        # One after the other: a batch that writes and then reads means it in that order.
        bodies = []
        refusals = []
        for item in batch.items:
            refused = visit.admit(self._dispatch.capability(item, caller))
            if refused is None:
                body = (await self._dispatch.answer(item, caller, scope, deadline)).body
            else:
                refusals.append(refused)
                body = rpc.failure(item.id, fault_of(refused.error()))
            if isinstance(item, rpc.Malformed) or not item.notification:
                bodies.append(body)
        if len(refusals) == len(batch.items):
            longest = max(refusals, key=lambda refused: refused.retry_after)
            refusal = too_many(longest, RPC_PATH)
            return replace(refusal, body=rpc.batch(bodies)) if bodies else refusal
        return Reply(200, rpc.batch(bodies)) if bodies else Reply(204)

    async def _method_path(self, method: str, scope: Scope, caller: Caller, visit: Visit, deadline: float) -> Reply:
        """A path that stands for a method; the query may carry the ``id`` to echo (D-021)."""
        call = rpc.Call(method, {}, _id_of(scope))
        refused = visit.admit(self._dispatch.capability(call, caller))
        if refused is not None:
            return too_many(refused, scope["path"], id_=call.id)
        answer = await self._dispatch.answer(call, caller, scope, deadline)
        status = 200 if answer.fault is None else STATUS[answer.fault.code]
        return Reply(status, answer.body, challenge_of(status, scope, answer) + retry_after(status, answer))

    def _caller(self, scope: Scope) -> Caller:
        try:
            return self._tokens.verify(bearer_token(scope), AGENT_API)
        except GatewayError as error:
            return error


def _family(path: str) -> str:
    """The family a path belongs to, for the metrics: there are few, whatever callers ask for."""
    if path == RPC_PATH:
        return "rpc"
    if path == METRICS_PATH:
        return "metrics"
    return "api" if of_agent_api(path) else "other"


def _is_short(scope: Scope) -> bool:
    """Whether the body is read also of a caller who will be refused."""
    length = header(scope, b"content-length")
    return length is not None and len(length) < 6 and int(length) <= _READ_OF_REFUSED


def _is_json(scope: Scope) -> bool:
    media_type, _, parameters = (header(scope, b"content-type") or b"").partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    encoding = header(scope, b"content-encoding") or b"identity"
    return (
        media_type.strip().lower() in _JSON
        and charset in {b"", b"charset=utf-8"}
        and encoding.strip().lower() == b"identity"
    )


def _id_of(scope: Scope) -> rpc.Id:
    if not scope["query_string"]:
        return None
    found = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("id")
    if found is None:
        return None
    text = found[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else text
