"""Queries: each parameter once and none that does not exist; links to other pages of a list (D-012, D-013)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, quote

import msgspec

from gateway.api.asgi import Scope
from gateway.api.rest.problems import Problem, Source
from gateway.api.rest.shapes import M, names_of, shaped
from gateway.core.errors import GatewayError

_MOST = 32


@dataclass(frozen=True, slots=True)
class Target:
    """What a request asked for, to link to its like.

    Attributes:
        path: of the request.
        query: its parameters.
    """

    path: str
    query: Mapping[str, str]

    def link(self, **changed: object) -> str:
        """The same with some parameters changed; percent-encoded. None takes one away."""
        return self.with_({name: None if value is None else str(value) for name, value in changed.items()})

    def with_(self, changed: Mapping[str, str | None]) -> str:
        """The same as ``link``, for names that are no words of Python."""
        merged = {**self.query, **changed}
        pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in merged.items() if value is not None]
        return quote(self.path) + ("?" + "&".join(pairs) if pairs else "")


def target_of(scope: Scope) -> Target:
    """What a request asks for.

    Raises:
        Problem: 400, its query cannot be read.
    """
    found: dict[str, str] = {}
    text = scope["query_string"].decode("latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST, errors="strict") if text else []
    except UnicodeDecodeError:
        raise Problem(400, "malformed", "the query is no UTF-8.") from None
    except ValueError:
        raise Problem(400, "malformed", f"the query holds more than {_MOST} parameters.") from None
    for name, value in pairs:
        if name in found:
            raise _wrong(name, f"{name}: stands twice in the query.")
        found[name] = value
    return Target(scope["path"], found)


def asked(target: Target, model: type[M]) -> M:
    """The parameters of a query.

    Raises:
        Problem: 400, with the name of the first one at fault.
    """
    known = names_of(model)
    for name in target.query:
        if name not in known:
            there = f"there are: {', '.join(known)}" if known else "this path takes none"
            raise _wrong(name, f"{name[:100]}: there is no such parameter; {there}.", "unknown_parameter")
    try:
        found = shaped(target.query, model, words=True)
    except GatewayError as error:
        raise _wrong(error.field or "", f"{error.field}: {error.reason}.") from None
    for field in msgspec.structs.fields(model):
        # Who writes ?status=null would be shown everything.
        if field.encode_name in target.query and getattr(found, field.name) is None:
            raise _wrong(field.encode_name, f"{field.encode_name}: there is no null in a query; leave it out.")
    return found


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    """Names are always the same, and pages have small numbers."""
    return quote(text, safe="")


def _wrong(name: str, detail: str, code: str = "invalid") -> Problem:
    return Problem(400, code, detail, source=Source("parameter", name[:200]))
