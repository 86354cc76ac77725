"""The agent API over HTTP: every method at one path, single or in batches, and paths that stand for one method."""

from __future__ import annotations

from dataclasses import replace

from gateway.access.limits.rates import RateLimits, Refused
from gateway.access.tokens import AGENT_API
from gateway.api import rpc
from gateway.api.denials import DENIED, note_denied
from gateway.api.dispatch import Answer, Dispatch
from gateway.api.identity import Identity, signed
from gateway.api.replies import Reply, challenge_of, retry_after, too_many
from gateway.api.request import Request
from gateway.api.rpc_errors import STATUS, STATUS_OF_RPC, fault_of
from gateway.api.seed_paths import Body, Found, Route, call_of, location_of
from gateway.core.audit import AuditLog
from gateway.core.errors import GatewayError

RPC_PATH = f"{AGENT_API}/rpc"
# Counted by the capability as well.
INVOKE = "capability.invoke"


class AgentApi:
    """Has calls carried out, each of them counted and judged by itself.

    Args:
        dispatch: the table of methods.
        identity: who calls.
        audit: told of what was denied.
        rates: how much callers may ask.
    """

    def __init__(self, dispatch: Dispatch, identity: Identity, audit: AuditLog, rates: RateLimits) -> None:
        self._dispatch = dispatch
        self._identity = identity
        self._audit = audit
        self._rates = rates

    async def answer_rpc(self, request: Request) -> Reply:
        """``POST /api/v1/rpc``: every method, single or in batches (rulings 13 and 17, D-024)."""
        body = await request.body(self._rates.settings.body_size)
        if isinstance(body, Reply):
            return body
        parsed = rpc.parse(body)
        if isinstance(parsed, rpc.Batch):
            return await self._batch(request, parsed)
        refused = self._refused(request, parsed)
        if refused is not None:
            return too_many(refused, RPC_PATH, id_=parsed.id)
        answer = await self._carried_out(request, parsed)
        status = 200 if answer.fault is None else STATUS_OF_RPC.get(answer.fault.code, 200)
        if isinstance(parsed, rpc.Call) and parsed.notification and status == 200:
            return Reply(204)
        scope = request.scope
        return Reply(status, answer.body, challenge_of(status, scope, answer) + retry_after(status, answer))

    async def _batch(self, request: Request, batch: rpc.Batch) -> Reply:
        # One after the other: a batch that writes and then reads means it in that order.
        bodies = []
        refusals = []
        for item in batch.items:
            refused = self._refused(request, item)
            if refused is None:
                body = (await self._carried_out(request, item)).body
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

    async def answer_path(self, request: Request, found: Found, route: Route) -> Reply:
        """A path that stands for one method (D-020 to D-026)."""
        body: bytes | Reply | None = None
        if route.body is Body.REQUIRED:
            body = await request.body(self._rates.settings.body_size)
        elif route.body is Body.ACCEPTED and request.has_body():
            body = await request.unusual_body(self._rates.settings.body_size)
        if isinstance(body, Reply):
            return body
        scope, caller = request.scope, request.caller
        call = call_of(found, scope, body)
        if (
            isinstance(call, rpc.Malformed)
            and isinstance(caller, GatewayError)
            and not self._dispatch.is_open(route.method)
        ):
            # Who has no token is not told what else is wrong.
            call = rpc.Call(route.method, {}, call.id)
        refused = self._refused(request, call)
        if refused is not None:
            return too_many(refused, request.path, id_=call.id)
        answer = await self._carried_out(request, call)
        kept = answer.fault is not None and answer.fault.code in STATUS_OF_RPC
        if isinstance(call, rpc.Call) and call.notification and not kept:
            return Reply(204)
        status = 200 if answer.fault is None else STATUS[answer.fault.code]
        headers = challenge_of(status, scope, answer) + retry_after(status, answer)
        if route.asynchronous and answer.fault is None:
            status, headers = 202, (*headers, (b"location", location_of(answer.body)))
        return Reply(status, answer.body, headers)

    def _refused(self, request: Request, call: rpc.Call | rpc.Malformed) -> Refused | None:
        """Count a call, or say that it is one too many."""
        method = self._dispatch.capability(call, request.caller)
        if method == INVOKE and isinstance(call, rpc.Call) and isinstance(call.params, dict):
            capability = call.params.get("capabilityId")
            return request.visit.admit(method, capability if isinstance(capability, str) else None)
        return request.visit.admit(method)

    async def _carried_out(self, request: Request, call: rpc.Call | rpc.Malformed) -> Answer:
        """Answer a call; one that may not be made is noted."""
        scope = request.scope
        caller = self._identity.still(request.caller, scope)
        if signed(scope) and isinstance(call, rpc.Call):
            caller = self._identity.vouched(caller, scope, call.method)
        answer = await self._dispatch.answer(call, caller, scope, request.deadline)
        if answer.fault is not None and answer.fault.code in DENIED and isinstance(call, rpc.Call):
            note_denied(self._audit, call.method, answer.fault, caller, scope)
        return answer
