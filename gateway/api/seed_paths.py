"""Paths that stand for one method each, with their verbs, as the reference has them (D-020 to D-026).

Parameters stand in the path, the query or a JSON-RPC body; where two of these name the same one, they must agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from urllib.parse import parse_qsl

from gateway.access.tokens import AGENT_API
from gateway.api import rpc
from gateway.api.asgi import Scope
from gateway.api.rpc_errors import fault_of, presentable
from gateway.core.errors import GatewayError, invalid
from gateway.core.ports import Json

ANALYSES = f"{AGENT_API}/governor/analyses"

_LONGEST_NUMBER = 18
_MOST_FIELDS = 32


def _text(words: str) -> Json:
    return words


def _truth(words: str) -> Json:
    if words not in {"true", "false"}:
        raise ValueError("write true or false")
    return words == "true"


def _number(words: str) -> Json:
    if not (words.isascii() and words.isdigit() and len(words) <= _LONGEST_NUMBER):
        raise ValueError("write a whole number")
    return int(words)


_PAGE: Mapping[str, Callable[[str], Json]] = {"limit": _number, "offset": _number}


class Body(Enum):
    """What a route does with a body."""

    # It is not looked at.
    IGNORED = auto()
    # The reference shows one where HTTP has no use for it.
    ACCEPTED = auto()
    REQUIRED = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """A path with a verb, and the method it stands for.

    Attributes:
        verb: GET is HEAD as well.
        path: with the name of at most one parameter in braces.
        method: the only one it takes (D-022).
        body: what becomes of it.
        query: parameters that may stand in the query.
        asynchronous: its result begins something: answered with 202 and ``Location`` (D-095).
    """

    verb: str
    path: str
    method: str
    body: Body = Body.IGNORED
    query: Mapping[str, Callable[[str], Json]] = field(default_factory=dict)
    asynchronous: bool = False

    @property
    def parameter(self) -> str | None:
        """The name of the parameter in the path."""
        found = re.search(r"{(\w+)}", self.path)
        return found[1] if found else None


ROUTES = (
    Route("GET", "/info", "server.info"),
    Route("GET", "/health", "server.health"),
    Route("POST", "/agents/register", "agent.register", Body.REQUIRED),
    Route("GET", "/agents", "agent.list", Body.ACCEPTED, {"capability": _text, "active": _truth, **_PAGE}),
    Route("DELETE", "/agents/{agentId}", "agent.unregister", Body.ACCEPTED),
    Route("POST", "/agents/{agentId}/heartbeat", "agent.heartbeat", Body.REQUIRED),
    Route(
        "GET",
        "/discovery/services",
        "discovery.services",
        Body.ACCEPTED,
        {"capability": _text, "location": _text, **_PAGE},
    ),
    Route("POST", "/discovery/announce", "discovery.announce", Body.REQUIRED),
    Route("POST", "/security/validate-address", "security.validateAddress", Body.REQUIRED),
    Route("POST", "/security/validate-card", "security.validateCard", Body.REQUIRED),
    Route("GET", "/governor/status", "governor.status", Body.ACCEPTED),
    Route("POST", "/governor/analyze", "governor.analyze", Body.REQUIRED, asynchronous=True),
    # Ours (D-039, D-090, D-095).
    Route("GET", "/agents/{agentId}", "agent.card"),
    Route("GET", "/governor/analyses", "governor.analyses", query=_PAGE),
    Route("GET", "/governor/analyses/{analysisId}", "governor.analysis"),
    Route("POST", "/capabilities/{capabilityId}/invoke", "capability.invoke", Body.REQUIRED),
)


def _pattern(route: Route) -> re.Pattern[str]:
    whole = re.escape(AGENT_API + route.path)
    return re.compile(whole.replace(re.escape(f"{{{route.parameter}}}"), "([^/]+)"), re.DOTALL)


_EXACT: dict[str, dict[str, Route]] = {
    AGENT_API + path: {route.verb: route for route in ROUTES if route.path == path}
    for path in [route.path for route in ROUTES if route.parameter is None]
}
_PATTERNS = [(_pattern(route), route) for route in ROUTES if route.parameter is not None]


@dataclass(frozen=True, slots=True)
class Found:
    """What there is at a path.

    Attributes:
        route: None where the path does not take the verb.
        value: of the parameter in the path.
        verbs: the path takes; of one that is written out those of its own, which a description of it has
            (OpenAPI 3.1, 4.8.8.2), though something may be called like it.
    """

    route: Route | None
    value: str | None = None
    verbs: tuple[str, ...] = ()

    @property
    def allow(self) -> bytes:
        """For ``Allow``."""
        return ", ".join([*self.verbs, *(["HEAD"] if "GET" in self.verbs else [])]).encode()


def find(path: str, verb: str) -> Found | None:
    """What a path stands for; None for one that is none of these."""
    verb = "GET" if verb == "HEAD" else verb
    exact = _EXACT.get(path, {})
    if verb in exact:
        return Found(exact[verb])
    verbs: dict[str, None] = {}
    for pattern, route in _PATTERNS:
        if match := pattern.fullmatch(path):
            if route.verb == verb:
                return Found(route, match[1])
            verbs[route.verb] = None
    verbs = dict.fromkeys(exact) or verbs
    return Found(None, verbs=tuple(verbs)) if verbs else None


def method_of(path: str, verb: str) -> str | None:
    """The method a request on one of these paths is for."""
    found = find(path, verb)
    return found.route.method if found is not None and found.route is not None else None


def location_of(answer: bytes) -> bytes:
    """Where the result of what was begun can be fetched: for ``Location``."""
    analysis_id = json.loads(answer)["result"]["analysisId"]
    return f"{ANALYSES}/{analysis_id}".encode()


def call_of(found: Found, scope: Scope, body: bytes | None) -> rpc.Call | rpc.Malformed:
    """What a request on such a path asks for.

    Args:
        found: with a route.
        scope: of the request.
        body: None where none came, or none is looked at.
    """
    route = found.route
    if route is None:
        raise AssertionError("this path does not take the verb")
    try:
        query = _query(route, scope)
    except GatewayError as error:
        return rpc.Malformed(fault_of(error))
    id_ = _id(query.pop("id", None))
    call = rpc.Call(route.method, {}, id_) if body is None else _parsed(route, body)
    if isinstance(call, rpc.Malformed) or isinstance(call.params, list):
        return call
    given = dict(call.params)
    try:
        if route.parameter is not None and found.value is not None:
            _agree(given, route.parameter, found.value, "path")
        for name, value in query.items():
            _agree(given, name, value, "query")
    except GatewayError as error:
        return rpc.Malformed(fault_of(error), call.id)
    return replace(call, params=given)


def _parsed(route: Route, body: bytes) -> rpc.Call | rpc.Malformed:
    parsed = rpc.parse(body)
    if isinstance(parsed, rpc.Malformed) and parsed.fault.code == rpc.INVALID_REQUEST:
        # The path says which method it is (D-022); what is JSON at all was read strictly before.
        document = json.loads(body)
        if isinstance(document, dict) and "method" not in document:
            parsed = rpc.parse(json.dumps({**document, "method": route.method}).encode())
            if route.body is Body.REQUIRED and isinstance(parsed, rpc.Call):
                reason = f"method is missing: this path takes {route.method}"
                return rpc.Malformed(rpc.Fault(rpc.INVALID_REQUEST, "Invalid Request", {"reason": reason}), parsed.id)
    if isinstance(parsed, rpc.Batch):
        reason = f"this path takes one call: send batches to {AGENT_API}/rpc"
        return rpc.Malformed(rpc.Fault(rpc.INVALID_REQUEST, "Invalid Request", {"reason": reason}))
    if isinstance(parsed, rpc.Call) and parsed.method != route.method:
        data = {"method": presentable(parsed.method), "reason": f"this path takes {route.method} only"}
        return rpc.Malformed(rpc.Fault(rpc.METHOD_NOT_FOUND, "Method not found", data), parsed.id)
    return parsed


def _query(route: Route, scope: Scope) -> dict[str, Json]:
    """The query's parameters, and ``id`` as text, which a body's own takes the place of."""
    found: dict[str, Json] = {}
    if not scope["query_string"]:
        return found
    try:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise invalid("query", f"holds more than {_MOST_FIELDS} parameters") from None
    for name, words in pairs:
        if name in found:
            raise invalid(name, "stands twice in the query", words)
        if name == "id":
            found[name] = words
            continue
        if name not in route.query:
            known = ", ".join([*route.query, "id"])
            raise invalid(name, f"there is no such parameter of this path; there are: {known}", words)
        try:
            found[name] = route.query[name](words)
        except ValueError as error:
            raise invalid(name, str(error), words) from None
    return found


def _agree(given: dict[str, Json], name: str, value: Json, place: str) -> None:
    if name not in given:
        given[name] = value
    elif given[name] != value or type(given[name]) is not type(value):
        raise invalid(name, f"must be what the {place} says: {value}", given[name])


def _id(words: Json) -> rpc.Id:
    """What ``?id=`` asks to be echoed (D-021)."""
    if not isinstance(words, str):
        return None
    return int(words) if words.isascii() and words.isdigit() and len(words) <= _LONGEST_NUMBER else words
