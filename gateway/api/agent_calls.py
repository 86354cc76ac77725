"""Calls an agent at its own endpoint: over TLS that is proven, within bounds, on the private network alone."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import msgspec
import structlog
import trio

from gateway.api.agent_wire import UntrustedError, WireError, post, reach
from gateway.api.rpc import MAX_BRACKETS, MAX_COMMAS, MAX_DEPTH, too_deep, too_many
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.events import uuid7
from gateway.core.network import classify
from gateway.core.ports import Json, Outcome
from gateway.core.roster import AgentRow, Endpoint
from gateway.outbound.trust import Trust

log = structlog.stdlib.get_logger(__name__)

# Seconds an agent has for its whole answer, and bytes that are taken of it.
PATIENCE_S = 10.0
LARGEST_ANSWER = 1024 * 1024
# Calls to agents that are under way at once.
MOST_AT_ONCE = 8
# Of these to one agent: one that never answers must not keep the others from being called.
MOST_OF_ONE = 3
# Of these for one caller: who asks for all of them must not keep others from asking.
MOST_FOR_ONE = 4
# What is said of a call that was sent and has no answer: it may have been carried out (ruling 2).
SENT: dict[str, object] = {"outcome": Outcome.UNKNOWN.value}
_LOCALHOST = "localhost"
# Codes an agent answers with that are the caller's business as they are.
_INVALID_PARAMS, _NO_CAPABILITY = -32602, -32006


class AgentCalls:
    """Calls agents.

    Args:
        ca: file with the authorities of their certificates; None: no agent is called.
        devices: addresses and ports of the lines, where nothing is called.
        is_own: whether the gateway itself listens there, where nothing is called either.
        wall: Unix seconds, for ids.
    """

    def __init__(
        self,
        ca: Callable[[], str | None],
        devices: Callable[[], Collection[tuple[str, int]]],
        is_own: Callable[[str, int], bool],
        wall: Callable[[], float],
    ) -> None:
        self._ca = ca
        self._devices = devices
        self._is_own = is_own
        self._wall = wall
        self._trust = Trust()
        # By agent, and by caller.
        self._under_way = Counter[str]()
        self._asked = Counter[str]()

    async def invoke(
        self, agent: AgentRow, capability: str, operation: str | None, parameters: Json, *, by: str
    ) -> Json:
        """Have an agent carry out one of its capabilities.

        Args:
            agent: whose it is.
            capability: its id.
            operation: what to do, where the capability knows several things.
            parameters: as the card describes them.
            by: who asks for it (``Principal.known_as``).

        Returns:
            The result of its JSON-RPC answer.

        Raises:
            GatewayError: UNAVAILABLE, it cannot be called, does not answer, or answers what is no answer; INVALID or
                CAPABILITY_NOT_FOUND where the agent says so.
        """
        endpoint = _endpoint(agent)
        if (endpoint.host, endpoint.port) in self._devices():
            # A device may take one connection only, and what it gets is written to a bus.
            raise _unavailable(f"{endpoint.host}:{endpoint.port} is a line of this gateway, and no agent")
        if self._is_own(endpoint.host, endpoint.port):
            # As a program on the board it would be let in where strangers are not, for whoever wrote the card.
            raise _not_set_up(f"{endpoint.host}:{endpoint.port} is this gateway itself, and no agent")
        context = await self._context()
        if self._under_way.total() >= MOST_AT_ONCE:
            raise _unavailable(f"{MOST_AT_ONCE} calls to agents are under way: ask again later")
        if self._under_way[agent.agent_id] >= MOST_OF_ONE:
            raise _unavailable(f"{MOST_OF_ONE} calls to {agent.agent_id} are under way: ask again later")
        if self._asked[by] >= MOST_FOR_ONE:
            raise _unavailable(f"{MOST_FOR_ONE} calls to agents are under way for {by}: ask again when one is answered")
        params: dict[str, Json] = {"capabilityId": capability, "parameters": parameters}
        if operation is not None:
            params["operation"] = operation
        call: dict[str, Json] = {
            "jsonrpc": "2.0",
            "id": uuid7(self._wall()),
            "method": "capability.invoke",
            "params": params,
        }
        self._under_way[agent.agent_id] += 1
        self._asked[by] += 1
        unknown: dict[str, object] = {}
        try:
            with trio.move_on_after(PATIENCE_S):
                body = json.dumps(call).encode()
                async with await reach(endpoint.host, endpoint.port, context) as stream:
                    # From here on nobody knows whether the agent carries it out, until it says so.
                    unknown = SENT
                    authority = f"{endpoint.host}:{endpoint.port}"
                    answer = await post(stream, authority, endpoint.path, body, LARGEST_ANSWER)
                    return _result(answer, call, agent)
        except UntrustedError as error:
            log.warning("agent not trusted", agent=agent.agent_id, reason=str(error))
            raise _not_set_up(
                f"{agent.agent_id} {str(error)[:300]}. It must come from an authority in the file that [agents] ca "
                f"names, and be for {endpoint.host}"
            ) from None
        except WireError as error:
            log.info("agent not reached", agent=agent.agent_id, reason=str(error))
            raise _unavailable(f"{agent.agent_id} {str(error)[:300]}", unknown) from None
        finally:
            self._under_way[agent.agent_id] -= 1
            self._asked[by] -= 1
            self._under_way, self._asked = +self._under_way, +self._asked
        raise _unavailable(f"{agent.agent_id} did not answer within {PATIENCE_S:g} s", unknown)

    async def _context(self) -> ssl.SSLContext:
        ca = self._ca()
        if ca is None:
            raise _not_set_up(
                "the gateway calls no agent: it does not know whose certificates to trust. Name their authority: "
                "[agents] ca"
            )
        try:
            return await self._trust.context(ca)
        except WireError:
            raise _not_set_up("[agents] ca cannot be used: the log of the gateway says why") from None


def _endpoint(agent: AgentRow) -> Endpoint:
    """Where an agent can be called: its first https endpoint, if that is still on the private network."""
    endpoint = next((found for found in agent.endpoints if found.protocol == "https"), None)
    if endpoint is None:
        raise _unavailable(f"{agent.agent_id} has no https endpoint in its card, and wss is never called")
    host = "127.0.0.1" if endpoint.host == _LOCALHOST else endpoint.host
    # It was looked at when the agent registered; what was stored since is looked at again.
    found = classify(host)
    if not found.accepted:
        raise _unavailable(f"{found.address} is {found.words}: nothing is called there")
    return replace(endpoint, host=found.address)


def _result(body: bytes, call: Mapping[str, Json], agent: AgentRow) -> Json:
    # What the gateway would not take of a caller it does not hand to one.
    if too_many(body):
        words = f"more than {MAX_BRACKETS} objects and arrays, or {MAX_COMMAS} values"
        raise _unavailable(f"{agent.agent_id} answered with {words}", SENT)
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        answer = None
    if too_deep(body, answer):
        raise _unavailable(f"{agent.agent_id} answered with JSON nested deeper than {MAX_DEPTH} levels", SENT)
    match answer:
        case {"jsonrpc": "2.0", "id": id_, "result": result} if id_ == call["id"] and "error" not in answer:
            found: Json = result
            return found
        case {"jsonrpc": "2.0", "error": {"code": int() as code, "message": str() as message, **rest}}:
            raise _refusal(code, message, rest.get("data"), agent)
        case _:
            raise _unavailable(f"{agent.agent_id} answered with what is no JSON-RPC 2.0 answer to this call", SENT)


def _refusal(code: int, message: str, data: object, agent: AgentRow) -> GatewayError:
    given: Mapping[object, object] = data if isinstance(data, dict) else {}
    reason = f"{agent.agent_id}: {str(given.get('reason') or message)[:200]}"
    if code == _INVALID_PARAMS:
        # Some name the place as it is in the call they got, some as it is within the parameters.
        field = str(given.get("field", ""))[:128]
        if field != "parameters" and not field.startswith("parameters."):
            field = f"parameters.{field}".rstrip(".")
        return invalid(field, reason, given.get("provided"))
    if code == _NO_CAPABILITY:
        return GatewayError(Code.CAPABILITY_NOT_FOUND, reason)
    return _unavailable(reason, {"agentError": {"code": code, "message": message[:200]}})


def _not_set_up(reason: str) -> GatewayError:
    """Somebody has to do something: to ask again later is no use."""
    return GatewayError(Code.UNAVAILABLE, reason)


def _unavailable(reason: str, details: dict[str, object] | None = None) -> GatewayError:
    return GatewayError(Code.UNAVAILABLE, reason, details={"retryAfter": 1, **(details or {})})
