"""The way of one request: counted, known, allowed, understood, carried out, noted. No web framework is in it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import structlog
import trio

from gateway.access.tokens import PLUGIN_API
from gateway.api.asgi import BodyError, Disconnected, Scope, header, needs_longer, read_body
from gateway.api.denials import note_denied
from gateway.api.identity import Identity
from gateway.api.origin import Caller, Origin
from gateway.api.replies import Reply, ReplyHeaders, challenge
from gateway.api.request import CLOSE, Request
from gateway.api.rest.documents import RELATED, Members, attributes, either, members, related
from gateway.api.rest.etags import NEEDED
from gateway.api.rest.media import (
    check_accept,
    check_content_type,
    check_major,
    check_upload_type,
    check_version,
    document_type,
    wants_document,
)
from gateway.api.rest.problems import Problem, Source, problem_of, rendered, too_many
from gateway.api.rest.queries import asked, target_of
from gateway.api.rest.replays import Replays
from gateway.api.rest.route import Answer, Call, Form, Raw, Route
from gateway.api.rest.shapes import names_of, pointer_to, shaped
from gateway.api.rest.uploads import Upload
from gateway.api.rest.versions import API_VERSION, Lifecycle
from gateway.api.rpc_errors import fault_of
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.core.principal import Kind

log = structlog.stdlib.get_logger(__name__)

# Whatever is answered leads to what describes it (D-011; RFC 8631, 4).
_DESCRIBED = (
    b'</v1/openapi.json>; rel="describedby service-desc"; type="application/json", '
    b'</v1/tools/docs>; rel="service-doc"; type="text/html"'
)
# Every answer of this API has them: others may be given to other Accept headers.
_COMMON = ((b"vary", b"Accept"), (b"x-api-version", API_VERSION), (b"link", _DESCRIBED))
# Of a request that is refused, so much of a body is read and thrown away; what is longer ends the connection.
_READ_OF_REFUSED = 16 * 1024
_NO_MEMBERS = Members({}, "/data")
_ENCODER = msgspec.json.Encoder()
_READING = {Form.ENVELOPE: members, Form.EITHER: either, Form.DOCUMENT: attributes}


class Door:
    """Lets requests in.

    Args:
        identity: knows callers again.
        audit: is told of changes, and of who was turned away.
        body_size: bytes of a body, at most.
        lifecycle: what of the API ends.
        if_match: changes must say which state they mean.
        replays: carries out once what comes twice; None: nobody does.
    """

    def __init__(
        self,
        identity: Identity,
        audit: AuditLog,
        body_size: Callable[[], int],
        lifecycle: Lifecycle,
        *,
        if_match: bool = False,
        replays: Replays | None = None,
    ) -> None:
        self._identity = identity
        self._audit = audit
        self._body_size = body_size
        self._lifecycle = lifecycle
        self._if_match = if_match
        self._replays = replays

    def turned_away(self, request: Request) -> Reply | None:
        """What somebody is answered who has no good token, whatever the path; None: the caller is known.

        Who has none is not told either which paths there are.
        """
        caller = request.caller
        if not isinstance(caller, GatewayError):
            return None
        refused = request.visit.admit()
        if refused is not None:
            return self._failed(request, too_many(refused, _closing(request.scope)))
        # Not the path: whoever makes them up must not fill the log with them.
        note_denied(self._audit, PLUGIN_API, fault_of(caller), caller, request.scope)
        return self._failed(request, _unknown(request.scope, caller))

    def nowhere(self, request: Request, problem: Problem, like: Route | None = None) -> Reply:
        """The reply to a caller whose path or verb leads to no route.

        Args:
            request: of a known caller, or to a path that is open.
            problem: that it leads nowhere.
            like: a route of the same path, whose form refusals have.
        """
        refused = request.visit.admit()
        if refused is not None:
            return self._failed(request, too_many(refused, _closing(request.scope)), like)
        try:
            # What was taken away once its time was over stays told of.
            self._lifecycle.check(request.scope["method"], request.path)
        except Problem as gone:
            problem = gone
        return self._told(request, self._failed(request, problem, like))

    async def enter(self, route: Route, request: Request, path: Mapping[str, str]) -> Reply:
        """Answer a request.

        Args:
            route: it leads to.
            request: of a known caller.
            path: values of the path's variables.

        Raises:
            Disconnected: the caller left before the end of its body.
        """
        request.scope[NEEDED] = self._if_match
        return self._told(request, await self._entered(route, request, path))

    def _told(self, request: Request, reply: Reply) -> Reply:
        """An answer that says how long there will be such answers."""
        headers = self._lifecycle.headers(request.scope["method"], request.path)
        return replace(reply, headers=(*reply.headers, *headers)) if headers else reply

    async def _entered(self, route: Route, request: Request, path: Mapping[str, str]) -> Reply:
        try:
            with trio.CancelScope(deadline=request.deadline) as limit:
                caller = self._allowed(route, request)
                self._timely(request)
                if route.pace is not None:
                    # Who may not call it does not get as far as this.
                    longest = route.pace.longest(route.largest)
                    limit.deadline = request.deadline = needs_longer(request.scope, longest)
                if route.raw is not None:
                    return await self._by_itself(route.raw, request, path)
                call, where = await self._understood(route, request, path, caller)
                return await self._once(route, call, where)
            raise problem_of(GatewayError(Code.UNAVAILABLE, "the answer took too long", details={"retryAfter": 1}))
        except Problem as problem:
            return self._failed(request, problem, route)
        except Disconnected:
            raise
        except Exception:
            error_id = secrets.token_hex(8)
            log.exception("request failed", route=route.name, error_id=error_id)
            words = "this is a fault of the gateway; its log has it under this id."
            return self._failed(request, Problem(500, "internal_error", words, id_=error_id), route)

    def _allowed(self, route: Route, request: Request) -> Caller:
        """Count the call, and see that it may be made."""
        refused = request.visit.admit(route.name if _may(route, request.caller) else None)
        if refused is not None:
            raise too_many(refused, _closing(request.scope))
        return self._permitted(route, request)

    def _permitted(self, route: Route, request: Request) -> Caller:
        caller = self._identity.still(request.caller, request.scope)
        if _may(route, caller):
            return caller
        if isinstance(caller, GatewayError):
            note_denied(self._audit, route.name, fault_of(caller), caller, request.scope)
            raise _unknown(request.scope, caller)
        if caller.kind is Kind.ENROLMENT:
            error = GatewayError(Code.FORBIDDEN, "an enrolment is good for one thing only: agent.register")
        else:
            error = GatewayError(
                Code.FORBIDDEN,
                f"{route.method} {route.path} needs the scope {route.scope}, which this token does not have",
                details={"requiredScope": route.scope},
            )
        note_denied(self._audit, route.name, fault_of(error), caller, request.scope)
        needed = error.details.get("requiredScope")
        headers = () if needed is None else challenge(request.scope, str(needed))
        raise problem_of(error, headers=(*_closing(request.scope), *headers))

    def _timely(self, request: Request) -> None:
        """See that the version is meant that there is, and that its time is not over."""
        try:
            check_version(request.scope)
            check_major(request.scope)
            self._lifecycle.check(request.scope["method"], request.path)
        except Problem as problem:
            problem.headers = (*problem.headers, *_closing(request.scope))
            raise

    async def _understood(
        self, route: Route, request: Request, path: Mapping[str, str], caller: Caller
    ) -> tuple[Call[Any, Any], Members]:
        """Read a request; who asks is looked at again after its body has come."""
        scope = request.scope
        try:
            # The links of the reference lead to files, and its clients ask for everything as JSON:API.
            if route.gives is not Form.FILE:
                check_accept(scope, document=route.gives is Form.DOCUMENT)
            target = target_of(scope)
            query = asked(target, route.query)
            self._sized(route, request)
        except Problem as problem:
            problem.headers = (*problem.headers, *_closing(scope))
            raise
        body: object = None
        linked: object = None
        where = _NO_MEMBERS
        if route.takes is Form.FILE:
            body = Upload(
                scope,
                request.receive,
                route.largest,
                request.deadline,
                pace=route.pace,
                come=lambda: self._permitted(route, request),
            )
        elif route.body is not None and (route.body_needed or request.has_body()):
            reading = _READING[route.takes] if route.related is None else related
            named = None if route.status == 201 else next(iter(path.values()), None)
            where = reading(await self._body(route, request), route.resource, named)
            body = _shaped(where, route.body)
            if route.related is not None:
                linked = _shaped(Members(where.related, RELATED), route.related)
            caller = self._permitted(route, request)
        return (
            Call(origin=Origin(caller, scope), path=path, body=body, related=linked, query=query, target=target),
            where,
        )

    def _sized(self, route: Route, request: Request) -> None:
        """See that there is a body where one is taken, and of which kind it is."""
        there = request.has_body()
        if route.takes is Form.FILE:
            if not there:
                raise Problem(400, "missing_body", f"{route.method} {route.path} takes a body: the file itself.")
            check_upload_type(request.scope, route.accepts)
            return
        if there and route.body is None:
            raise Problem(400, "unexpected_body", f"{route.method} {route.path} takes no body: leave it out.")
        if not there and route.body is not None and route.body_needed:
            raise Problem(400, "missing_body", f'{route.method} {route.path} takes a body: {{"data": {{...}}}}.')
        if there:
            check_content_type(request.scope, merge=route.method == "PATCH")

    async def _body(self, route: Route, request: Request) -> bytes:
        try:
            return await read_body(request.scope, request.receive, min(route.largest, self._body_size()))
        except BodyError as error:
            code = "content_too_large" if error.status == 413 else "request_timeout"
            raise Problem(error.status, code, f"{error.reason}.", headers=CLOSE) from None

    async def _once(self, route: Route, call: Call[Any, Any], where: Members) -> Reply:
        """Carry a request out, unless it was carried out before."""

        async def work() -> Reply:
            return _reply(route, await self._carried_out(route, call, where), call.origin.scope)

        return await (work() if self._replays is None else self._replays.once(route, call, where, work))

    async def _carried_out(self, route: Route, call: Call[Any, Any], where: Members) -> Answer:
        if not route.audited:
            return await self._answered(route, call, where)
        # A caller that leaves, or a deadline that passes, ends this without a word on what became of it.
        end, reason, target = AuditOutcome.UNKNOWN, "given up", next(iter(call.path.values()), None)
        try:
            answer = await self._answered(route, call, where)
            end, reason, target = AuditOutcome.DONE, "", answer.target or target
        except Problem as problem:
            end, reason = AuditOutcome.FAILED, problem.detail
            raise
        except Exception:
            end, reason = AuditOutcome.FAILED, "a fault of the gateway"
            raise
        finally:
            details: dict[str, Json] = {**route.noted(call), **({"reason": reason} if reason else {})}
            origin = call.origin
            self._audit.note(route.name, end, by=origin.known, peer=origin.peer, target=target, details=details)
        return answer

    async def _answered(self, route: Route, call: Call[Any, Any], where: Members) -> Answer:
        if route.run is None:
            raise TypeError(f"{route.name} has nobody to do its work")
        try:
            return await route.run(call)
        except GatewayError as error:
            raise problem_of(error, _source(error, route, where)) from None

    @staticmethod
    async def _by_itself(raw: Raw, request: Request, path: Mapping[str, str]) -> Reply:
        try:
            reply = await raw(request, path)
        except GatewayError as error:
            raise problem_of(error) from None
        return Reply(reply.status, reply.body, (*_COMMON, *reply.headers), reply.content_type)

    @staticmethod
    def _failed(request: Request, problem: Problem, route: Route | None = None) -> Reply:
        if route is not None and route.refusal is not None:
            reply = route.refusal(problem)
        else:
            reply = rendered(problem, document=wants_document(request.scope))
        return Reply(reply.status, reply.body, (*_COMMON, *reply.headers), reply.content_type)


def _may(route: Route, caller: Caller) -> bool:
    """Whether a call may be made: of an open route by anybody, of any other by a token that allows it."""
    if route.open:
        return True
    if isinstance(caller, GatewayError) or caller.kind is Kind.ENROLMENT:
        return False
    return route.scope is None or caller.may(route.scope)


def _reply(route: Route, answer: Answer, scope: Scope) -> Reply:
    status = answer.status or route.status
    headers = (*_COMMON, *answer.headers)
    if status == 204:
        return Reply(status, headers=headers)
    if answer.file is not None:
        return Reply(status, answer.file.body, headers, answer.file.content_type, answer.file.stream)
    whole: dict[str, object] = {"data": answer.data}
    if answer.meta:
        whole["meta"] = answer.meta
    if answer.links:
        whole["links"] = answer.links
    if route.gives is not Form.DOCUMENT:
        return Reply(status, _ENCODER.encode(whole), headers)
    whole["jsonapi"] = {"version": "1.1"}
    return Reply(status, _ENCODER.encode(whole), headers, document_type(scope))


def _unknown(scope: Scope, error: GatewayError) -> Problem:
    """Who shows no good token is asked for one; who misnames itself has one."""
    asking = challenge(scope) if error.code is Code.UNAUTHENTICATED else ()
    # One thing too many was shown (D-052).
    source = Source("header", "Authorization") if error.code is Code.INVALID else None
    return problem_of(error, source, headers=(*_closing(scope), *asking))


def _closing(scope: Scope) -> ReplyHeaders:
    """What is said where a body is left unread: a short one is thrown away, a long one ends the connection."""
    length = header(scope, b"content-length")
    if length is None:
        return () if header(scope, b"transfer-encoding") is None else CLOSE
    return () if len(length) < 6 and int(length) <= _READ_OF_REFUSED else CLOSE


def _shaped(where: Members, model: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return shaped(where.given, model)
    except GatewayError as error:
        raise problem_of(error, _pointer(error, where)) from None


def _pointer(error: GatewayError, where: Members) -> Source | None:
    return None if error.field is None else Source("pointer", where.at + pointer_to(error.field, where.given))


def _source(error: GatewayError, route: Route, where: Members) -> Source | None:
    """Where a service says the mistake is: it knows names, not where they stood."""
    if error.field is None:
        return None
    if error.code is Code.NOT_FOUND:
        # What the path leads to is named by it; the body may name something else.
        there = route.body is not None and error.field in names_of(route.body)
        return _pointer(error, where) if there else None
    if error.field in names_of(route.query) or route.body is None:
        return Source("parameter", error.field)
    return _pointer(error, where)
