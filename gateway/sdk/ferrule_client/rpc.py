"""JSON-RPC 2.0 of the calling side: calls to bytes, bytes to results. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .errors import ConfigurationError, ProtocolError, RpcError, rpc_error

MAX_BATCH = 20


@dataclass(frozen=True, slots=True)
class Call:
    """A method and its parameters by name."""

    method: str
    params: Mapping[str, object] = field(default_factory=dict)


def encode(calls: Sequence[Call], *, batch: bool) -> bytes:
    """The body of a request; calls have the ids 1, 2, 3 and so on.

    Raises:
        ConfigurationError: something in it is no JSON, or a batch is empty or too long.
    """
    if not 1 <= len(calls) <= MAX_BATCH:
        raise ConfigurationError(f"a batch holds 1 to {MAX_BATCH} calls, not {len(calls)}")
    bodies = [
        {"jsonrpc": "2.0", "id": number, "method": call.method, "params": dict(call.params)}
        for number, call in enumerate(calls, 1)
    ]
    try:
        return json.dumps(bodies if batch else bodies[0], allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{calls[0].method}: a parameter is no JSON: {error}") from None


def judge(status: int, body: bytes, count: int, *, batch: bool) -> list[object]:
    """What each call came to, in order: its result, or an `RpcError` as a value.

    Args:
        status: of the HTTP response, for errors.
        body: of the HTTP response.
        count: how many calls were made.
        batch: whether they were sent as one.

    Raises:
        ProtocolError: the answer is none.
        RpcError: a batch was refused whole.
    """
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ProtocolError(f"HTTP {status} without JSON: is a gateway there?") from None
    if not batch:
        return [_outcome(document, {1, None}, status)]
    if isinstance(document, dict):
        refused = _outcome(document, {None}, status)
        raise refused if isinstance(refused, RpcError) else ProtocolError("one result to a batch")
    answers = document if isinstance(document, list) else []
    by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
    if len(answers) != count or by_id.keys() != set(range(1, count + 1)):
        raise ProtocolError(f"{len(answers)} answers to {count} calls, or to others than were made")
    return [_outcome(by_id[number], {number}, status) for number in range(1, count + 1)]


def _outcome(answer: object, ids: set[int | None], status: int) -> object:
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0" or ("result" in answer) == ("error" in answer):
        raise ProtocolError(f"HTTP {status} without a JSON-RPC answer: is a gateway there?")
    id_ = answer.get("id")
    if isinstance(id_, bool | list | dict) or id_ not in ids:
        raise ProtocolError("an answer to another call than was made")
    if "result" in answer:
        if id_ is None:
            raise ProtocolError("a result without an id")
        return answer["result"]
    error = answer["error"]
    if not isinstance(error, dict) or type(error.get("code")) is not int:
        raise ProtocolError("an error without a code")
    data = error.get("data")
    return rpc_error(error["code"], str(error.get("message", "error")), data if isinstance(data, dict) else None)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")
