"""From a call to its answer: the table of methods, who may call them, how long they may take."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog
import trio

from gateway.api import rpc
from gateway.api.asgi import Scope
from gateway.api.origin import Caller, Origin
from gateway.api.params import P, ParamsModel, convert
from gateway.api.rpc_errors import fault_of, presentable
from gateway.api.target import target_of
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from gateway.settings.suggest import did_you_mean

log = structlog.stdlib.get_logger(__name__)

# Looking for what a longer word was meant to be would take long, and nobody types one.
_LONGEST_GUESSED = 64


@dataclass(frozen=True, slots=True)
class Method:
    """An entry of the table. Make it with ``method``, or with ``told`` where the work depends on who calls.

    Attributes:
        scope: what the caller's token must allow; None: any valid token.
        open: needs no token at all.
        params: what its parameters are made of.
        run: checks the parameters and does the work; its result is what JSON can carry. It is given who calls, and
            the scope of the request.
        at_deadline: the result when time runs out while it works; None: an error says so.
    """

    scope: str | None
    open: bool
    params: type[ParamsModel]
    run: Callable[[rpc.Params, Caller, Scope], Awaitable[object]]
    at_deadline: object


def method(
    model: type[P],
    work: Callable[[P], Awaitable[object]],
    *,
    scope: str | None,
    without_token: bool = False,
    at_deadline: object = None,
) -> Method:
    """Make an entry of the table: parameters of this model, checked, then the work."""

    async def run(params: rpc.Params, _: Caller, __: Scope) -> object:
        return await work(convert(params, model))

    return Method(scope, without_token, model, run, at_deadline)


def told(
    model: type[P],
    work: Callable[[P, Origin], Awaitable[object]],
    *,
    scope: str | None,
    without_token: bool = False,
    at_deadline: object = None,
) -> Method:
    """The same for work that is told where the call comes from."""

    async def run(params: rpc.Params, caller: Caller, request: Scope) -> object:
        return await work(convert(params, model), Origin(caller, request))

    return Method(scope, without_token, model, run, at_deadline)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one call.

    Attributes:
        body: the encoded response object; a notification's is not sent.
        fault: the error in it, None for a result.
    """

    body: bytes
    fault: rpc.Fault | None = None


class Dispatch:
    """Answers calls.

    Args:
        methods: by name; there is no other way in.
        count: told of every call of one of them, with the code of its error, None for a result.
    """

    def __init__(self, methods: Mapping[str, Method], count: Callable[[str, int | None], None]) -> None:
        self._methods = methods
        self._count = count

    def is_open(self, method: str) -> bool:
        """Whether a method needs no token, or asks for it itself."""
        entry = self._methods.get(method)
        return entry is not None and entry.open

    def capability(self, call: rpc.Call | rpc.Malformed, caller: Caller) -> str | None:
        """What a call takes from the limits of capabilities: its method, where this caller may call it."""
        if isinstance(call, rpc.Malformed):
            return None
        entry = self._methods.get(call.method)
        if entry is None or (not entry.open and isinstance(caller, GatewayError)):
            return None
        if entry.scope is not None and isinstance(caller, Principal) and not caller.may(entry.scope):
            return None
        return call.method

    async def answer(self, call: rpc.Call | rpc.Malformed, caller: Caller, scope: Scope, deadline: float) -> Answer:
        """Answer one call; whatever goes wrong is in the answer, nothing is raised.

        Args:
            call: what was asked.
            caller: who asks.
            scope: of the request.
            deadline: when the answer must stand, on the run loop's clock.
        """
        if isinstance(call, rpc.Malformed):
            return _failed(call.id, call.fault)
        answer = await self._answer(call, caller, scope, deadline)
        if call.method in self._methods:
            self._count(call.method, None if answer.fault is None else answer.fault.code)
        return answer

    async def _answer(self, call: rpc.Call, caller: Caller, scope: Scope, deadline: float) -> Answer:
        try:
            return Answer(rpc.success(call.id, await self._result(call, caller, scope, deadline)))
        except GatewayError as error:
            return _failed(call.id, replace(fault_of(error), target=target_of(call.params)))
        except _UnknownMethodError:
            data = {"method": presentable(call.method), "reason": self._unknown(call.method)}
            return _failed(call.id, rpc.Fault(rpc.METHOD_NOT_FOUND, "Method not found", data))
        except Exception:
            error_id = secrets.token_hex(8)
            log.exception("method failed", method=call.method, error_id=error_id)
            return _failed(call.id, rpc.Fault(rpc.INTERNAL_ERROR, "Internal error", {"errorId": error_id}))

    def _unknown(self, method: str) -> str:
        guess = did_you_mean(method, self._methods) if len(method) <= _LONGEST_GUESSED else ""
        return f"there is no such method. {guess or 'docs/api.md lists them all'}"

    async def _result(self, call: rpc.Call, caller: Caller, scope: Scope, deadline: float) -> object:
        entry = self._methods.get(call.method)
        if entry is None or not entry.open:
            # Who has no token is not told either which methods there are.
            if isinstance(caller, GatewayError):
                raise caller
            if caller.kind is Kind.ENROLMENT:
                raise GatewayError(
                    Code.FORBIDDEN, "an enrolment is good for one thing only: register first (agent.register)"
                )
            if entry is None:
                raise _UnknownMethodError
            if entry.scope is not None and not caller.may(entry.scope):
                raise GatewayError(
                    Code.FORBIDDEN,
                    f"{call.method} needs the scope {entry.scope}, which this token does not have",
                    details={"requiredScope": entry.scope},
                )
        if trio.current_time() >= deadline:
            raise _too_slow("it was not begun: the calls before it in the batch took all the time")
        with trio.CancelScope(deadline=deadline):
            return await entry.run(call.params, caller, scope)
        if entry.at_deadline is None:
            raise _too_slow("the answer took too long")
        return entry.at_deadline


class _UnknownMethodError(Exception):
    pass


def _too_slow(reason: str) -> GatewayError:
    return GatewayError(Code.UNAVAILABLE, reason, details={"retryAfter": 1})


def _failed(id_: rpc.Id, fault: rpc.Fault) -> Answer:
    return Answer(rpc.failure(id_, fault), fault)
