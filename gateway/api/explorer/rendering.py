"""The page as a whole: head, families of operations, what the gateway sends, models."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import msgspec

from gateway.api.explorer.markup import anchor, code, page, words
from gateway.api.explorer.models import members, model
from gateway.api.explorer.operations import Operations
from gateway.api.explorer.places import SCRIPT, STYLE
from gateway.api.rest.compression import pack

Document = Mapping[str, Any]

_USE = """
<form id="use" hidden>
<label for="token">Token for the calls you send</label>
<input id="token" type="password" autocomplete="off" spellcheck="false" aria-describedby="token-told">
<p id="token-told">Of <code>ferrule token</code>, OAuth, or a key as ID:KEY.
It stays in this page, and is gone when you leave it.</p>
<label for="search">Search</label>
<input id="search" type="search" autocomplete="off" spellcheck="false" aria-describedby="found">
<p id="found" role="status"></p>
</form>
"""


def rendered(described: bytes) -> bytes:
    """The page, packed by gzip.

    Args:
        described: the description, as it is served.
    """
    document: Document = msgspec.json.decode(described)
    info = document["info"]
    text = page(
        f"{info['title']} API {info['version']}",
        '<a class="skip" href="#operations">To the operations</a>',
        _head(document),
        '<main id="operations">',
        *_families(document),
        *_deliveries(document),
        *_models(document),
        "</main>",
        style=STYLE,
        script=SCRIPT,
    )
    return pack(text.encode())


def _head(document: Document) -> str:
    info = document["info"]
    links = "".join(
        f'<li><a href="#tag-{anchor(tag["name"])}">{escape(tag["name"])}</a></li>' for tag in document["tags"]
    )
    return (
        f"<header><h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
        f"<p>{words(info['summary'])}. {words(info['description'])}</p>"
        '<p><a href="/v1/openapi.json">OpenAPI 3.1</a></p>'
        f'{_USE}<nav aria-label="Families"><ul>{links}<li><a href="#tag-models">models</a></li></ul></nav></header>'
    )


def _families(document: Document) -> list[str]:
    operations = Operations(document)
    found = []
    for tag in document["tags"]:
        inner = operations.tagged(tag["name"])
        if inner:
            found.append(_family(tag["name"], tag["description"], inner))
    return found


def _family(name: str, told: str, inner: str) -> str:
    return (
        f'<section class="family" id="tag-{anchor(name)}" aria-labelledby="name-{anchor(name)}">'
        f'<h2 id="name-{anchor(name)}">{escape(name)}</h2><p>{words(told)}</p>{inner}</section>'
    )


def _deliveries(document: Document) -> list[str]:
    """What the gateway sends by itself."""
    inner = []
    for name, verbs in document.get("webhooks", {}).items():
        sent = verbs["post"]
        body = sent["requestBody"]["content"]["application/json"]["schema"]
        inner.append(
            f'<details class="delivery" id="op-{anchor(sent["operationId"])}"><summary>{code(name)} '
            f'<span class="what">{words(sent["summary"])}</span></summary>{members(body)}</details>'
        )
    told = {tag["name"]: tag["description"] for tag in document["tags"]}
    return [_family("deliveries", told.get("deliveries", ""), "".join(inner))] if inner else []


def _models(document: Document) -> list[str]:
    schemas: Mapping[str, Document] = document["components"]["schemas"]
    inner = "".join(model(name, schemas[name]) for name in sorted(schemas))
    return [_family("models", "What is sent and answered; a star marks what must be there.", inner)]
