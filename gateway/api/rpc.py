"""JSON-RPC 2.0: bytes to calls, results to bytes. Pure and strict; it knows no method and no HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gateway.core.ports import Json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

MAX_DEPTH = 32
MAX_BATCH = 20
# Brackets and commas in a body: a full batch of reads of a thousand tags each is far below. Making objects of many more
# would hold up the lines for as long.
MAX_BRACKETS = 4096
MAX_COMMAS = 65_536

# What may identify a call. Its type is kept: 1, 1.0 and "1" are three.
Id = str | int | float | None
Params = dict[str, Json] | list[Json]
# Of a request object (JSON-RPC 2.0, 4).
_MEMBERS = frozenset({"jsonrpc", "method", "params", "id"})
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """A JSON-RPC error object (JSON-RPC 2.0, 5.1).

    Attributes:
        target: what the call was about, for the audit log; it is not sent.
    """

    code: int
    message: str
    data: Mapping[str, object] | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A well-formed request object (JSON-RPC 2.0, 4).

    Attributes:
        method: its name.
        params: as given; an empty object where there were none.
        id: as given; None also for a notification.
        notification: no ``id`` member was there, so nobody waits for an answer.
    """

    method: str
    params: Params
    id: Id = None
    notification: bool = False


@dataclass(frozen=True, slots=True)
class Malformed:
    """What stands where a request object should be, with the error it is answered with.

    Attributes:
        id: of the request as far as it could be made out, else None (JSON-RPC 2.0, 5).
    """

    fault: Fault
    id: Id = None


@dataclass(frozen=True, slots=True)
class Batch:
    """1 to ``MAX_BATCH`` request objects, each judged alone (JSON-RPC 2.0, 6)."""

    items: tuple[Call | Malformed, ...]


def parse(body: bytes) -> Call | Malformed | Batch:
    """Read a request body. Whatever the bytes are, there is an answer to them; nothing is raised."""
    try:
        document = decode(body)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        return Malformed(Fault(PARSE_ERROR, "Parse error", {"reason": reason}))
    if isinstance(document, list):
        if not 1 <= len(document) <= MAX_BATCH:
            return _invalid(f"a batch holds 1 to {MAX_BATCH} calls, not {len(document)}")
        return Batch(tuple([_call(item) for item in document]))
    return _call(document)


def success(id_: Id, result: object) -> bytes:
    """Encode a response object with a result.

    Raises:
        TypeError, ValueError, OverflowError: the result is nothing JSON can carry: a fault of ours.
    """
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (_encode_id(id_), _ENCODER.encode(result))


def failure(id_: Id, fault: Fault) -> bytes:
    """Encode a response object with an error. Raises as ``success``."""
    error: dict[str, object] = {"code": fault.code, "message": fault.message}
    if fault.data is not None:
        error["data"] = fault.data
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (_encode_id(id_), _ENCODER.encode(error))


def batch(responses: list[bytes]) -> bytes:
    """Encode the responses of a batch."""
    return b"[%b]" % b",".join(responses)


def _call(item: Json) -> Call | Malformed:
    if not isinstance(item, dict):
        return _invalid("a request is an object")
    id_ = item.get("id")
    if isinstance(id_, bool | list | dict):
        return _invalid("id is a string, a number or null")
    if item.get("jsonrpc") != "2.0":
        return _invalid('jsonrpc must be "2.0"', id_)
    method = item.get("method")
    if not isinstance(method, str):
        return _invalid("method must be a string", id_)
    params = item.get("params", {})
    if not isinstance(params, dict | list):
        return _invalid("params must be an object or an array", id_)
    if not _MEMBERS.issuperset(item):
        # Whoever writes "param" means something by it, and would not hear that it was never read.
        unknown = min(item.keys() - _MEMBERS)[:_LONGEST_NAME]
        return _invalid(f'there is no member "{unknown}" of a request; there are: jsonrpc, method, params, id', id_)
    return Call(method, params, id_, notification="id" not in item)


def _invalid(reason: str, id_: Id = None) -> Malformed:
    return Malformed(Fault(INVALID_REQUEST, "Invalid Request", {"reason": reason}), id_)


def decode(body: bytes) -> Json:
    """JSON as RFC 8259 has it, UTF-8 only, and no name twice in an object (D-028).

    Raises:
        ValueError, RecursionError: it is none; the text of a ValueError says why.
    """
    if too_many(body):
        raise ValueError("too many values")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark: leave that out")
    document: Json = _DECODER.decode(text)
    if too_deep(body, document):
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if "\\ud" in text.lower():
        _refuse_half_surrogates(document)
    return document


def too_many(body: bytes) -> bool:
    """Whether a document has more values than are decoded without holding up what else there is to do."""
    return body.count(b"[") + body.count(b"{") > MAX_BRACKETS or body.count(b",") > MAX_COMMAS


def too_deep(body: bytes, document: Json) -> bool:
    """Whether a document is nested deeper than ``MAX_DEPTH`` levels.

    Args:
        body: the document as it came.
        document: it, decoded.
    """
    # Counting brackets is much faster than walking, and settles all but the largest.
    return body.count(b"[") + body.count(b"{") > MAX_DEPTH and _deeper_than(document, MAX_DEPTH)


def _deeper_than(document: Json, limit: int) -> bool:
    level = [document]
    for _ in range(limit + 1):
        inner: list[Json] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
        containers = [value for value in level if isinstance(value, dict | list)]
        if not containers:
            return False
        level = inner
    return True


def _refuse_half_surrogates(document: Json) -> None:
    """Python reads half a surrogate pair, but no encoder of UTF-8 can say it again."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a string holds one half of a surrogate pair") from None


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is too large")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        # Python's own words are about a switch of Python's.
        raise ValueError("a number is too large") from None


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _encode_id(id_: Id) -> bytes:
    # The standard library writes integers of any size, which the fast encoder does not.
    if type(id_) is int:
        return b"%d" % id_
    return json.dumps(id_).encode()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_whole, parse_float=_finite, parse_constant=_no_constant
)
_ENCODER = msgspec.json.Encoder()
