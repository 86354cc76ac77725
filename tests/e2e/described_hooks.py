"""What schemathesis does not know of this API: what is there, how a package is sent, and who must not be let in."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CaseMetadata, TestPhase

from tests.e2e.described_refusals import refusal_in
from tests.e2e.described_stock import Stock, too_many

# Unlikely to be one, as everything else that strangers send.
for _kind in ("application/gzip", "application/octet-stream"):
    schemathesis.openapi.media_type(_kind, st.binary(min_size=1, max_size=200))
WITHOUT_TOKEN = "STRANGER"
AUTHORITY = "AUTHORITY"
# What is to be as these are, by its name.
SENSIBLE = {"url": "http://127.0.0.1:9/in", "password": "a horse, a battery", "filter": {}, "redirect_uris": []}
# One request of so many is left as it was made up.
AS_IT_IS = 8

_Case = schemathesis.Case[Any]
_turns = itertools.count(1)
_keys: set[str] = set()


@schemathesis.serializer("application/gzip")
def packed(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: _Case, __: dict[str, Any]) -> None:
    """Ask for what is there, and for a new thing each time, unless the request is to be wrong just there."""
    about, turn = case.meta, next(_turns)
    if about is None or turn % AS_IT_IS == 0 or about.phase.name is TestPhase.STATEFUL:
        return
    stock = _stock(str(case.operation.base_url))
    if stock is not None and not about.is_negative_at(ParameterLocation.PATH):
        known = [name for name in case.path_parameters or {} if stock.has(name)]
        # What belongs to something may bring another one of that along.
        for name in reversed(known):
            stock.one(name)
        case.path_parameters.update({name: stock.one(name) for name in known})
    if "Idempotency-Key" in case.headers and not about.is_negative_at(ParameterLocation.HEADER):
        key = case.headers["Idempotency-Key"]
        if key in _keys:
            case.headers["Idempotency-Key"] = f"key-{turn}"
        _keys.add(key)
    if isinstance(case.body, dict) and not about.is_negative_at(ParameterLocation.BODY):
        case.body = _sensible(case.body, next(iter((case.path_parameters or {}).values()), None))


def _sensible(body: Mapping[str, Any], named: str | None) -> dict[str, Any]:
    """A body with some members as people write them: else hardly anything that has them is ever taken.

    A document says in its body which thing it is of: the one of the path.
    """
    found = {name: SENSIBLE.get(name, value) for name, value in body.items()}
    if isinstance(found.get("data"), dict):
        data = _sensible(found["data"], None)
        found["data"] = data if named is None or "id" not in data else {**data, "id": named}
    if isinstance(found.get("attributes"), dict):
        found["attributes"] = _sensible(found["attributes"], None)
    return found


@schemathesis.hook
def after_call(_: schemathesis.HookContext, case: _Case, response: schemathesis.Response) -> None:
    """What was deleted is made anew when it is asked for, and room is made for more."""
    stock = _stock(str(case.operation.base_url))
    if stock is None:
        return
    if response.status_code == 409 and too_many(response.text) and "{" not in case.operation.path:
        stock.clear(case.operation.path)
    if response.status_code in {404, 410} or case.method == "DELETE":
        for name in case.path_parameters or {}:
            stock.gone(name)


@cache
def _stock(url: str) -> Stock | None:
    """What there is; strangers may make nothing."""
    if os.environ.get(WITHOUT_TOKEN):
        return None
    return Stock(url, os.environ[AUTHORITY], os.environ["TOKEN"])


@schemathesis.check
def what_is_well_formed_is_refused_for_a_reason(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: _Case
) -> bool | None:
    """One that no description can say, and that stands among the others."""
    if _positive(case.meta) and response.status_code in {400, 412, 422}:
        unknown = refusal_in(case.operation.definition.raw["operationId"], response.status_code, response.text)
        assert unknown is None, f"well-formed, and refused: {unknown}"
    return None


@schemathesis.check
def what_is_wrong_is_told_in_the_answer(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: _Case
) -> bool | None:
    """Where errors have status 200 (ruling 17), one of the answers must be an error."""
    wrong = case.meta is not None and case.meta.is_negative_at(ParameterLocation.BODY)
    if wrong and case.operation.path == "/api/v1/rpc" and response.status_code == 200:
        answers = json.loads(response.text)
        found = answers if isinstance(answers, list) else [answers]
        assert any("error" in answer for answer in found), "what the description does not have was carried out"
    return None


def _positive(about: CaseMetadata | None) -> bool:
    return about is not None and about.generation.mode.is_positive


@schemathesis.check
def strangers_stay_outside(_: schemathesis.CheckContext, response: schemathesis.Response, case: _Case) -> bool | None:
    """Without a token nothing that needs one is answered, whatever else is wrong with the request."""
    security = case.operation.definition.raw.get("security") or [{}]
    if os.environ.get(WITHOUT_TOKEN) and {} not in security:
        # Which verbs a path has stands in the description, which is open to all.
        foreign = set() if case.method.lower() == case.operation.method.lower() else {405}
        told = {400, 401, 413, 415, 429} | foreign
        assert response.status_code in told, f"a stranger was answered {response.status_code}"
    return None
