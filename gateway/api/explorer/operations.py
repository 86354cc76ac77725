"""Operations: what each takes and gives, with an example that can be sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from gateway.api.explorer.examples import example
from gateway.api.explorer.markup import anchor, code, table, words
from gateway.api.explorer.models import remarks, type_of

Document = Mapping[str, Any]

_VERBS = ("get", "post", "put", "patch", "delete")
# All operations of the plugin API take it: it would only be in the way.
_EVERYWHERE = "X-API-Version"
# So many alternatives of a body are methods of one path.
_MANY = 8


class Operations:
    """All operations of a description.

    Args:
        document: the description.
    """

    def __init__(self, document: Document) -> None:
        self._components: Document = document["components"]
        self._paths: Mapping[str, Mapping[str, Document]] = document["paths"]

    def tagged(self, tag: str) -> str:
        """Those of one family."""
        return "".join(
            self._operation(verb, path, verbs[verb])
            for path, verbs in self._paths.items()
            for verb in _VERBS
            if verb in verbs and tag in verbs[verb]["tags"]
        )

    def _operation(self, verb: str, path: str, operation: Document) -> str:
        name = operation["operationId"]
        ended = operation.get("deprecated", False)
        marks = "".join(
            f'<span class="mark">{escape(text)}</span>'
            for text, true in (
                ("deprecated", ended),
                ("addition", operation.get("x-origin") == "addition"),
            )
            if true
        )
        return (
            f'<details class="operation" id="op-{anchor(name)}" data-method="{verb.upper()}" '
            f'data-path="{escape(path)}">'
            f'<summary><span class="verb {verb}">{verb.upper()}</span> <code class="path">{_breakable(path)}</code> '
            f'<span class="what">{words(operation["summary"])}</span>{marks}</summary>'
            f"{self._ending(operation) if ended else ''}"
            f"<p>{_access(operation)}</p>"
            f"{self._parameters(operation)}{self._body(operation)}{self._answers(operation)}</details>"
        )

    @staticmethod
    def _ending(operation: Document) -> str:
        successor = operation.get("x-successor")
        instead = f" {code(successor)} takes its place." if successor else ""
        return f'<p class="ending">This ends on {escape(str(operation["x-sunset"]))}.{instead}</p>'

    def _parameters(self, operation: Document) -> str:
        rows = []
        for given in operation.get("parameters", ()):
            one = self._led(given, "parameters")
            if one["name"] == _EVERYWHERE:
                continue
            place, schema = one["in"], one.get("schema", {})
            marked = f'<code data-in="{place}" data-name="{escape(one["name"])}">{escape(one["name"])}</code>'
            if one.get("required", False):
                marked += " *"
            told = "; ".join(part for part in (words(one.get("description", "")), remarks(schema)) if part)
            rows.append((marked, place, type_of(schema), told))
        shown = table(("parameter", "in", "type", ""), rows)
        return f"<h4>Parameters</h4>{shown}" if shown else ""

    def _body(self, operation: Document) -> str:
        body = operation.get("requestBody")
        if body is None:
            return ""
        kinds: Mapping[str, Document] = body["content"]
        kind, content = next(iter(kinds.items()))
        needed = "" if body.get("required", False) else " (may be left out)"
        head = f"<h4>Body{needed}</h4><p>{', '.join(code(one) for one in kinds)}</p>"
        if "schema" not in content:
            return f'{head}<p class="file" data-type="{escape(kind)}">The file itself.</p>'
        kind = next((one for one in kinds if one.endswith("json")), kind)
        schema = kinds[kind]["schema"]
        sample = json.dumps(example(schema, self._components["schemas"]), indent=2, ensure_ascii=False)
        return (
            f"{head}{self._form(schema, operation)}"
            f'<pre class="example" data-type="{escape(kind)}" tabindex="0">{escape(sample, quote=False)}</pre>'
        )

    def _form(self, schema: Document, operation: Document) -> str:
        """What a body must be: its model, or the methods that can be called with it."""
        calls = list(_calls(schema))
        if len(calls) > _MANY:
            scopes = operation.get("x-scopes", {})
            rows = ((code(method), type_of(params), code(scopes.get(method) or "any")) for method, params in calls)
            return table(("method", "params", "scope"), rows)
        inner = schema.get("properties", {}).get("data", schema)
        inner = inner.get("properties", {}).get("attributes", inner)
        return f"<p>Model: {type_of(inner)}</p>"

    def _answers(self, operation: Document) -> str:
        rows, errors = [], dict[str, list[str]]()
        for status, given in operation["responses"].items():
            answer = self._led(given, "responses")
            kinds = answer.get("content", {})
            shown = next((type_of(_inner(one["schema"])) for one in kinds.values() if "schema" in one), "")
            if status.startswith("2"):
                rows.append((code(status), words(answer["description"]), shown or ", ".join(map(code, kinds))))
            else:
                errors.setdefault(shown, []).append(
                    f'<abbr title="{escape(answer["description"])}">{escape(status)}</abbr>'
                )
        told = "".join(f"<p>Errors as {form or 'text'}: {', '.join(found)}</p>" for form, found in errors.items())
        return f"<h4>Answers</h4>{table(('status', 'when', 'model'), rows)}{told}"

    def _led(self, part: Document, where: str) -> Document:
        if "$ref" not in part:
            return part
        found: Document = self._components[where][part["$ref"].rpartition("/")[2]]
        return found


def _calls(schema: Document) -> Iterator[tuple[str, Document]]:
    """The methods of a body that calls one of many."""
    properties = schema.get("properties", {})
    if "const" in properties.get("method", {}):
        yield properties["method"]["const"], properties.get("params", {})
    for one in schema.get("oneOf", ()):
        yield from _calls(one)


def _inner(schema: Document) -> Document:
    """What an envelope holds."""
    properties = schema.get("properties", {})
    found: Document = properties.get("data") or properties.get("result") or schema
    return found


def _breakable(path: str) -> str:
    """A path that a narrow screen may break behind each slash."""
    return escape(path).replace("/", "/<wbr>")


def _access(operation: Document) -> str:
    ways = operation["security"]
    if not ways or {} in ways:
        return "Needs no token."
    scopes = sorted({scope for way in ways for names in way.values() for scope in names})
    return f"Needs the scope {', '.join(map(code, scopes))}." if scopes else "Needs any good token or key."
