"""JSON-RPC 2.0 as host and plugin speak it: lines to messages, messages to lines. Pure and strict.

Both sides ask and answer. Parameters are an object by name; there are no batches, for a line is one message.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from gateway.core.ports import Json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
# Of the range for implementations (JSON-RPC 2.0, 5.1). `data.permission` names the one that is missing.
NOT_PERMITTED = -32001
# Too much at once: ask again later.
BUSY = -32002
# What was asked for stands against what there is, or cannot be had now; `data.code` says which.
UNAVAILABLE = -32003
QUOTA_EXCEEDED = -32004

DEEPEST = 32
# Making objects of many more would hold up the lines for as long.
MOST_BRACKETS = 8192
MOST_COMMAS = 65_536
LONGEST_ID = 64
LONGEST_METHOD = 64

Id = int | str


class TooLargeError(ValueError):
    """What is to be sent does not fit into a line."""


class MalformedError(ValueError):
    """It is JSON, and no message."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A JSON-RPC error object (JSON-RPC 2.0, 5.1)."""

    code: int
    message: str
    data: Json = None


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks (JSON-RPC 2.0, 4).

    Attributes:
        id: to be echoed; None: a notification, which is not answered.
    """

    method: str
    params: Mapping[str, Json]
    id: Id | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A result, or the error in its place (JSON-RPC 2.0, 5).

    Attributes:
        id: of the request; None only with an error: the other side could not make it out.
    """

    id: Id | None
    result: Json = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Garbage:
    """No message.

    Attributes:
        fault: what is wrong with it, as an error object.
        id: of the request it was meant to be, as far as it could be made out.
    """

    fault: Fault
    id: Id | None = None


Message = Request | Answer | Garbage


def decode(frame: bytes) -> Message:
    """Read one line. Never raises: whatever it is, it is told apart."""
    try:
        document = _parse(frame)
    except UnicodeError:
        return Garbage(Fault(PARSE_ERROR, "not UTF-8"))
    except RecursionError:
        return Garbage(Fault(PARSE_ERROR, f"nested deeper than {DEEPEST} levels"))
    except ValueError as error:
        return Garbage(Fault(PARSE_ERROR, f"no JSON: {error}"))
    if not isinstance(document, dict):
        return Garbage(Fault(INVALID_REQUEST, "a message is an object"))
    id_ = document.get("id")
    known = id_ if _is_id(id_) else None
    try:
        return _message(document)
    except MalformedError as error:
        return Garbage(Fault(INVALID_REQUEST, str(error)), known if "method" in document else None)


def encode_request(method: str, params: Mapping[str, Json], id_: Id | None, longest: int) -> bytes:
    """A request as a line; without an id a notification.

    Raises:
        TooLargeError: it is longer than a line may be.
    """
    document: dict[str, Json] = {"jsonrpc": "2.0", "method": method, "params": params}
    if id_ is not None:
        document["id"] = id_
    return _line(document, longest)


def encode_result(id_: Id, result: Json, longest: int) -> bytes:
    """A result as a line.

    Raises:
        TooLargeError: it is longer than a line may be.
    """
    return _line({"jsonrpc": "2.0", "id": id_, "result": result}, longest)


def encode_fault(id_: Id | None, fault: Fault, longest: int) -> bytes:
    """An error as a line; its data is left out where it does not fit."""
    error: dict[str, Json] = {"code": fault.code, "message": fault.message[:1000]}
    if fault.data is not None:
        try:
            return _line({"jsonrpc": "2.0", "id": id_, "error": {**error, "data": fault.data}}, longest)
        except TooLargeError:
            pass
    return _line({"jsonrpc": "2.0", "id": id_, "error": error}, longest)


def _line(document: Mapping[str, Json], longest: int) -> bytes:
    # In ASCII, so that no half of a surrogate pair is in the way.
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(text) > longest:
        raise TooLargeError(f"{len(text)} bytes of JSON, and a line has at most {longest}: ask for less at once")
    return text + b"\n"


def _parse(frame: bytes) -> object:
    text = frame.decode()
    if text.count("[") + text.count("{") > MOST_BRACKETS or text.count(",") > MOST_COMMAS:
        raise ValueError(f"more than {MOST_BRACKETS} brackets or {MOST_COMMAS} commas")
    document: object = _DECODER.decode(text)
    if not _shallow(document):
        raise RecursionError
    if "\\u" in text:
        # A lone surrogate is no text: whoever writes it to a disk or another stream would fall over it.
        json.dumps(document, ensure_ascii=False).encode()
    return document


def _shallow(document: object) -> bool:
    level = [document]
    for _ in range(DEEPEST + 1):
        level = [
            member
            for one in level
            if isinstance(one, dict | list)
            for member in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return True
    return False


def _message(document: Mapping[str, Json]) -> Request | Answer:
    if document.get("jsonrpc") != "2.0":
        raise MalformedError('jsonrpc: must be "2.0"')
    if "method" in document:
        return _request(document)
    if "result" in document or "error" in document:
        return _answer(document)
    raise MalformedError("neither method nor result nor error is there")


def _request(document: Mapping[str, Json]) -> Request:
    method, params, id_ = document["method"], document.get("params", {}), document.get("id")
    if not isinstance(method, str) or not 1 <= len(method) <= LONGEST_METHOD:
        raise MalformedError(f"method: must be text of 1 to {LONGEST_METHOD} characters")
    if unknown := document.keys() - {"jsonrpc", "method", "params", "id"}:
        raise MalformedError(f"{min(unknown)[:LONGEST_METHOD]}: not a member of a request")
    if not isinstance(params, dict):
        raise MalformedError("params: must be an object")
    if "id" in document and not _is_id(id_):
        raise MalformedError(f"id: must be a whole number or text of at most {LONGEST_ID} characters")
    return Request(method, params, id_ if _is_id(id_) else None)


def _answer(document: Mapping[str, Json]) -> Answer:
    id_ = document.get("id")
    if ("result" in document) == ("error" in document):
        raise MalformedError("result, error: exactly one of them must be there")
    if "result" in document:
        if not _is_id(id_):
            raise MalformedError("id: must be that of the request")
        return Answer(id_, result=document["result"])
    error = document["error"]
    if id_ is not None and not _is_id(id_):
        raise MalformedError("id: must be that of the request")
    if not isinstance(error, dict):
        raise MalformedError("error: must be an object")
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(message, str):
        raise MalformedError("error: needs a whole number as code and text as message")
    return Answer(id_, fault=Fault(code, message, error.get("data")))


def _is_id(id_: object) -> TypeGuard[Id]:
    if isinstance(id_, bool):
        return False
    return (isinstance(id_, int) and abs(id_) < 2**53) or (isinstance(id_, str) and len(id_) <= LONGEST_ID)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
