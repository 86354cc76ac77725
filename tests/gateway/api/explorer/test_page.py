"""The page for people: whole without script, of one piece with the description, and closed to all that is foreign."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import httpx
import jsonschema_rs
import pytest

from gateway.api.explorer.examples import example
from gateway.api.explorer.rendering import rendered

DOCS = "/v1/tools/docs"
VOID = frozenset({"meta", "link", "input", "wbr"})


class Page(HTMLParser):
    """What is on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


@pytest.fixture
async def page(anybody: httpx.AsyncClient) -> Page:
    reply = await anybody.get(DOCS)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Page(reply.text)


@pytest.fixture
async def document(anybody: httpx.AsyncClient) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (await anybody.get("/v1/openapi.json")).json()
    return found


async def test_every_operation_delivery_and_model_is_on_it(page: Page, document: Mapping[str, Any]) -> None:
    shown = {
        f"{attributes['data-method']} {attributes['data-path']}"
        for attributes in page.named("details")
        if attributes.get("class") == "operation"
    }
    assert shown == {f"{verb.upper()} {path}" for path, verbs in document["paths"].items() for verb in verbs}
    assert {f"model-{name}" for name in document["components"]["schemas"]} <= set(page.ids)
    deliveries = [one for one in page.named("details") if one.get("class") == "delivery"]
    assert len(deliveries) == len(document["webhooks"])
    methods = document["paths"]["/api/v1/rpc"]["post"]["x-scopes"]
    assert set(methods) <= set(page.words)


async def test_it_is_well_formed_and_every_link_leads_somewhere(page: Page, anybody: httpx.AsyncClient) -> None:
    assert page.open == []
    assert [name for name, times in Counter(page.ids).items() if times > 1] == []
    links = {str(one["href"]) for one in (*page.named("a"), *page.named("link"))}
    links |= {str(one["src"]) for one in page.named("script")}
    for link in links:
        if link.startswith("#"):
            assert link[1:] in page.ids, link
        else:
            assert (await anybody.get(link)).status_code == 200, link


async def test_people_with_keyboards_and_screen_readers_find_their_way(page: Page) -> None:
    assert page.named("html") == [{"lang": "en"}]
    labels = {one["for"] for one in page.named("label")}
    assert {one["id"] for one in page.named("input")} <= labels
    assert len(page.named("h1")) == len(page.named("main")) == len(page.named("nav")) == 1
    assert all(one.get("scope") == "col" for one in page.named("th"))
    assert page.named("a")[0]["href"] == "#operations", "one key leads past the head"
    assert len(page.named("summary")) == len(page.named("details"))


async def test_nothing_is_inline_and_nothing_comes_from_elsewhere(page: Page) -> None:
    assert page.named("style") == page.named("base") == page.named("iframe") == page.named("img") == []
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for place in (attributes.get("href"), attributes.get("src"), attributes.get("action")):
            assert place is None or re.fullmatch(r"#.*|/v1/[\w/.]+", place), place
    assert [one["src"] for one in page.named("script")] == [f"{DOCS}/script.js"]


@pytest.mark.parametrize("path", [DOCS, f"{DOCS}/style.css", f"{DOCS}/script.js"])
async def test_no_token_is_needed_and_none_spoils_it(anybody: httpx.AsyncClient, path: str) -> None:
    assert (await anybody.get(path)).status_code == 200
    assert (await anybody.get(path, headers={"Authorization": "Bearer nonsense"})).status_code == 200
    assert (await anybody.head(path)).status_code == 200
    assert (await anybody.post(path)).status_code == 405


async def test_browsers_are_told_to_run_nothing_else(anybody: httpx.AsyncClient) -> None:
    headers = (await anybody.get(DOCS)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", [DOCS, f"{DOCS}/style.css", f"{DOCS}/script.js", "/v1/openapi.json"])
@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("identity", False), ("br", False), (None, False)],
)
async def test_it_comes_packed_to_who_can_unpack_it(
    anybody: httpx.AsyncClient, path: str, accepted: str | None, *, packed: bool
) -> None:
    del anybody.headers["accept-encoding"]
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    request = anybody.build_request("GET", path, headers=headers)
    reply = await anybody.send(request, stream=True)
    raw = b"".join([piece async for piece in reply.aiter_raw()])
    assert reply.headers.get("content-encoding") == ("gzip" if packed else None)
    assert "Accept-Encoding" in reply.headers["vary"]
    text = gzip.decompress(raw) if packed else raw
    assert text[:1] in {b"<", b":", b"/", b"{"}
    if packed and path == DOCS:
        assert len(raw) < 50_000, "a phone on a bad line waits for it"


async def test_the_example_of_each_body_is_one_that_fits(document: Mapping[str, Any]) -> None:
    seen = 0
    for verbs in document["paths"].values():
        for operation in verbs.values():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                if "schema" not in content or not kind.endswith("json"):
                    continue
                schema = {"allOf": [content["schema"]], "components": document["components"]}
                shown = example(content["schema"], document["components"]["schemas"])
                jsonschema_rs.Draft202012Validator(schema).validate(shown)
                seen += 1
    assert seen > 30


def test_what_a_description_says_is_never_markup() -> None:
    """Descriptions of plugins' routes will stand in it one day."""
    evil = "<script>alert(1)</script> `<b>` \" onload='x' & </details>"
    member = {"type": "string", "description": evil, "pattern": evil, "default": evil, "enum": [evil]}
    schema = {"type": "object", "description": evil, "properties": {evil: member, "b": {"const": evil}}}
    operation = {
        "operationId": evil,
        "summary": evil,
        "tags": [evil],
        "security": [{"bearer": [evil]}],
        "deprecated": True,
        "x-sunset": evil,
        "x-successor": evil,
        "parameters": [{"name": evil, "in": "query", "description": evil, "schema": member}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{evil}"}}}},
        "responses": {
            "200": {"description": evil, "content": {evil: {"schema": schema}}},
            "400": {"description": evil},
        },
    }
    document = {
        "info": {"title": evil, "version": evil, "summary": evil, "description": evil},
        "tags": [{"name": evil, "description": evil}],
        "paths": {f"/{evil}": {"post": operation}},
        "webhooks": {evil: {"post": operation}},
        "components": {"schemas": {evil: schema}},
    }
    text = gzip.decompress(rendered(json.dumps(document).encode())).decode()
    page = Page(text)
    assert page.open == []
    assert len(page.named("script")) == 1
    assert page.named("b") == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_a_schema_that_leads_to_itself_has_an_example_with_an_end() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}, "required": ["child"]}
    text = json.dumps(example({"$ref": "#/components/schemas/Tree"}, {"Tree": tree}))
    assert 1 < text.count("child") < 10
