"""Places of what is wrong: whatever a document is, the pointer leads to what is meant."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import rpc
from gateway.api.asgi import Scope
from gateway.api.rest.documents import members
from gateway.api.rest.media import check_accept, check_content_type, check_version, wants_document
from gateway.api.rest.problems import Problem
from gateway.api.rest.queries import asked, target_of
from gateway.api.rest.shapes import Model, Nothing, pointer_to, shaped
from gateway.api.rest.webhook_models import DeliveryQuery, WebhookBody
from gateway.core.errors import GatewayError

NAMES = st.text("ab.~/[]0", min_size=1, max_size=4).filter(lambda name: "[" not in name and not name.startswith("."))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def fault(work: Callable[[], object]) -> GatewayError | Problem | None:
    """What is wrong, where anything is; any other exception is a fault of ours."""
    try:
        work()
    except (GatewayError, Problem) as error:
        return error
    return None


def resolve(pointer: str, document: Any) -> Any:
    """RFC 6901, 4, written from its text."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


@given(st.lists(NAMES | st.integers(0, 3), min_size=1, max_size=5))
def test_a_pointer_leads_to_its_place(path: list[str | int]) -> None:
    document: Any = "here"
    place = ""
    for step in reversed(path):
        document = [None] * step + [document] if isinstance(step, int) else {step: document}
    for step in path:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    assert resolve(pointer_to(place.removeprefix("."), document), document) == "here"


@pytest.mark.parametrize(
    ("place", "pointer"),
    [("a", "/a"), ("a.b", "/a/b"), ("a[3].b", "/a/3/b"), ("a.b.c", "/a/b.c"), ("", ""), ("x.y", "/x/y")],
)
def test_a_place_that_is_missing_has_a_pointer_too(place: str, pointer: str) -> None:
    assert pointer_to(place, {"a": {"b.c": 1}}) == pointer


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["url", "events", "retry_policy", "filter", "active", "x"]), VALUES))
def test_whatever_is_sent_is_a_webhook_or_named_by_its_place(data: dict[str, Any]) -> None:
    error = fault(lambda: shaped(data, WebhookBody))
    if error is not None:
        assert isinstance(error, GatewayError)
        pointer = pointer_to(error.field or "", data)
        if error.reason == "is required":
            assert pointer.removeprefix("/") not in data
        else:
            resolve(pointer, data)


@settings(max_examples=200)
@given(VALUES | st.builds(lambda data: {"data": data}, VALUES))
def test_whatever_json_is_sent_has_members_or_a_problem(document: Any) -> None:
    body = json.dumps(document).encode()
    problem = fault(lambda: members(body, "webhook", None))
    if problem is None:
        found = members(body, "webhook", None)
        assert resolve(found.at, rpc.decode(body)) == found.given
    else:
        assert isinstance(problem, Problem)
        assert problem.status in {400, 403, 409, 422}


def scope(path: str = "/v1/x", query: bytes = b"", headers: Mapping[str, bytes] | None = None) -> Scope:
    return {
        "path": path,
        "query_string": query,
        "headers": [(name.encode(), value) for name, value in (headers or {}).items()],
    }


def ask(query: bytes, model: type[Model]) -> None:
    asked(target_of(scope(query=query)), model)


@given(st.binary(max_size=60))
def test_whatever_a_query_is_it_is_read_or_a_bad_request(query: bytes) -> None:
    for model in (Nothing, DeliveryQuery):
        problem = fault(partial(ask, query, model))
        assert problem is None or (isinstance(problem, Problem) and problem.status == 400)


@pytest.mark.parametrize("query", [b"status=null", b"limit=5&status=NULL"])
def test_there_is_no_null_in_a_query(query: bytes) -> None:
    """Who asks for the deliveries of no status is not shown those of any."""
    problem = fault(partial(ask, query, DeliveryQuery))
    assert isinstance(problem, Problem)
    assert (problem.status, problem.detail) == (400, "status: there is no null in a query; leave it out.")


@given(st.binary(max_size=80))
def test_whatever_headers_say_they_are_taken_or_refused(value: bytes) -> None:
    wants_document(scope(headers={"accept": value}))
    for check, status, name in (
        (check_accept, 406, "accept"),
        (check_content_type, 415, "content-type"),
        (check_version, 400, "x-api-version"),
    ):
        problem = fault(partial(check, scope(headers={name: value})))
        assert problem is None or (isinstance(problem, Problem) and problem.status == status)


def test_a_link_is_encoded_and_changes_what_it_is_told() -> None:
    target = target_of(scope("/v1/ä b", b"page%5Bnumber%5D=2&filter=a%26b"))
    assert target.link() == "/v1/%C3%A4%20b?page%5Bnumber%5D=2&filter=a%26b"
    assert target.link(filter=None, after=7) == "/v1/%C3%A4%20b?page%5Bnumber%5D=2&after=7"


@pytest.mark.parametrize("number", [4, 4.0])
def test_a_whole_number_is_one_however_it_is_written(number: float) -> None:
    """To JSON 4.0 is an integer (JSON Schema 2020-12 core, 6.3), and some languages write every number so."""
    policy = {"max_attempts": number, "backoff_multiplier": 2.5}
    body = shaped({"url": "https://x", "events": ["a:b"], "retry_policy": policy}, WebhookBody)
    assert body.retry_policy is not None
    assert (body.retry_policy.max_attempts, type(body.retry_policy.max_attempts)) == (4, int)


@pytest.mark.parametrize("number", [4.5, 21.0, 1e300, float("inf")])
def test_what_is_none_or_too_large_is_not_made_one(number: float) -> None:
    with pytest.raises(GatewayError) as raised:
        shaped({"url": "https://x", "events": ["a:b"], "retry_policy": {"max_attempts": number}}, WebhookBody)
    assert raised.value.field == "retry_policy.max_attempts"
