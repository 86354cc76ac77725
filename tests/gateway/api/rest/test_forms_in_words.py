"""Text that is not written as it must be is told so in words: nobody has to read a regular expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import httpx
import msgspec
import pytest

from gateway.api.rest.route import Form, Route
from tests.gateway.api.rig import Rig


def said_of(annotation: Any, seen: set[Any]) -> Iterator[msgspec.Meta]:
    """All that is said of texts within a type."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) and annotation not in seen:
        seen.add(annotation)
        for field in msgspec.structs.fields(annotation):
            yield from said_of(field.type, seen)
    for part in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        if isinstance(part, msgspec.Meta):
            yield part
        else:
            yield from said_of(part, seen)


async def test_every_form_of_text_is_said_in_words(gateway: Rig) -> None:
    routes: tuple[Route, ...] = gateway.app._plugins._routes  # type: ignore[attr-defined]  # it is more than that
    models = [
        model
        for route in routes
        # Pages and what OAuth takes have words of their own.
        if route.gives is not Form.PAGE and route.raw is None
        for model in (route.body, route.related, route.query)
        if model is not None
    ]
    patterns = [said for model in models for said in said_of(model, set()) if said.pattern is not None]
    assert patterns
    assert {said.pattern for said in patterns if not said.description} == set()


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        (
            {"category": "Big Word"},
            "category: must be a word of up to 64 small letters, digits, dots, hyphens and underscores.",
        ),
        (
            {"tags": ["ok", "Not OK"]},
            "tags[1]: must be a word of up to 64 small letters, digits, dots, hyphens and underscores.",
        ),
        ({"versoin": "1.0.0"}, 'versoin: there is no such member; did you mean "version"?'),
    ],
)
async def test_what_is_wrong_is_told_in_words(api: httpx.AsyncClient, attributes: dict[str, Any], detail: str) -> None:
    whole = {"name": "A", "version": "1.0.0", "category": "x", **attributes}
    refused = await api.post("/v1/plugins", json={"data": {"type": "plugin", "attributes": whole}})
    assert (refused.status_code, refused.json()["detail"]) == (422, detail)
