"""Which media types this API takes and gives (D-006, D-174; JSON:API 1.1, content negotiation; RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gateway.api.asgi import Scope, header
from gateway.api.rest.problems import JSON_API, Problem, Source
from gateway.api.rest.versions import API_VERSION

_JSON = "application/json"
_DOCUMENT = JSON_API.decode()
# The reference's own name for version 1 of this API; it selects that version and nothing else.
_VERSIONED = re.compile(r"application/vnd\.agent-cellphone-v2\.v([0-9]+)\+json")
_MERGE_PATCH = "application/merge-patch+json"
_ANY = frozenset({"*/*", "application/*", _JSON})
# A list element up to the next comma, and a parameter; commas and semicolons in quoted text belong to it.
_ELEMENT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)')
_VERSION = re.compile(r"([0-9]{1,4})(?:\.[0-9]{1,4}){0,2}", re.ASCII)
_LONGEST = 1024
_Range = tuple[str, dict[str, str]]


def wants_document(scope: Scope) -> bool:
    """Whether errors are to be JSON:API documents: the caller takes nothing else (D-007)."""
    ranges = list(_accepted(scope))
    return bool(ranges) and all(name == _DOCUMENT for name, _ in ranges)


def check_accept(scope: Scope, *, document: bool = False) -> None:
    """See that the caller takes what it will get.

    Args:
        scope: of the request.
        document: that is a document of JSON:API. Who mentions that with nothing but parameters that are not had here
            is to be refused, whatever else it takes (JSON:API 1.1, 5.4).

    Raises:
        Problem: 406.
    """
    if header(scope, b"accept") in {None, b"*/*", b"application/json"} and _once(scope, b"accept"):
        return
    asked = any(name == b"accept" and value.strip() for name, value in scope["headers"])
    ranges = list(_accepted(scope))
    if document:
        ranges = [one for one in ranges if one[0] == _DOCUMENT] or ranges
    if asked and not any(_fits(name, parameters) for name, parameters in ranges):
        raise _not_acceptable()


def check_major(scope: Scope) -> None:
    """See that who names versions of this API alone names the one there is, whatever form the answer has (D-006).

    Raises:
        Problem: 406.
    """
    versions = [_VERSIONED.fullmatch(name) for name, _ in _accepted(scope)]
    if versions and all(found is not None and found[1] != "1" for found in versions):
        raise _not_acceptable()


def document_type(scope: Scope) -> bytes:
    """The media type of an answer that is a JSON:API document: plain JSON for who names that alone."""
    names = {name for name, _ in _accepted(scope)}
    others = any(name == _DOCUMENT or _VERSIONED.fullmatch(name) for name in names)
    return _JSON.encode() if _JSON in names and not others else JSON_API


def check_upload_type(scope: Scope, taken: Sequence[str]) -> None:
    """See that a body is a file of a kind that is taken.

    Args:
        scope: of the request.
        taken: media types, the one to name first.

    Raises:
        Problem: 415.
    """
    given = header(scope, b"content-type")
    if (given or b"").decode("latin-1").strip().lower() not in taken:
        raise Problem(
            415,
            "unsupported_media_type",
            f"send Content-Type: {taken[0]}.",
            source=Source("header", "Content-Type"),
        )
    _check_encoding(scope)


def check_version(scope: Scope) -> None:
    """See that ``X-API-Version``, where it is sent, names the version there is (D-174).

    Raises:
        Problem: 400.
    """
    given = header(scope, b"x-api-version")
    if given is None and _once(scope, b"x-api-version"):
        return
    found = _VERSION.fullmatch((given or b"").decode("latin-1"))
    if found is None or int(found[1]) != 1:
        raise Problem(
            400,
            "unsupported_version",
            f"this API is version {API_VERSION.decode()}: leave X-API-Version out, or send it once with 1, 1.0 "
            "or 1.0.0.",
            source=Source("header", "X-API-Version"),
        )


def check_content_type(scope: Scope, *, merge: bool = False) -> None:
    """See that a body is JSON, in a form that is known.

    Args:
        scope: of the request.
        merge: it changes a resource, so that RFC 7396 names its type.

    Raises:
        Problem: 415.
    """
    given = header(scope, b"content-type")
    encoding = header(scope, b"content-encoding")
    if given == b"application/json" and encoding is None and _once(scope, b"content-encoding"):
        return
    name, parameters = _range((given or b"").decode("latin-1")[:_LONGEST])
    known = (
        (name == _JSON and parameters.get("charset", "utf-8").lower() == "utf-8" and set(parameters) <= {"charset"})
        or (name == _DOCUMENT and set(parameters) <= {"profile"})
        or (merge and name == _MERGE_PATCH and not parameters)
    )
    if not known:
        other = f", or {_MERGE_PATCH}" if merge else ""
        raise Problem(
            415,
            "unsupported_media_type",
            f"send Content-Type: {_JSON}{other}; {_DOCUMENT} is taken too, without parameters but profile.",
            source=Source("header", "Content-Type"),
        )
    _check_encoding(scope)


def _check_encoding(scope: Scope) -> None:
    """See that a body is what its type says, and not some coding of that."""
    encoding = header(scope, b"content-encoding")
    if (encoding or b"").strip().lower() != b"identity" and (
        encoding is not None or not _once(scope, b"content-encoding")
    ):
        raise Problem(
            415,
            "unsupported_content_coding",
            "send the body as it is, without Content-Encoding.",
            source=Source("header", "Content-Encoding"),
        )


def _not_acceptable() -> Problem:
    return Problem(
        406,
        "not_acceptable",
        f"this API answers with {_JSON} (or {_DOCUMENT} without parameters, where the path has that), version 1.",
        source=Source("header", "Accept"),
    )


def _fits(name: str, parameters: dict[str, str]) -> bool:
    if name in _ANY:
        return True
    if name == _DOCUMENT:
        # Of instances with other parameters than these the client is to be told that they are not had; ext names
        # extensions, of which there are none here.
        return set(parameters) <= {"profile"}
    versioned = _VERSIONED.fullmatch(name)
    return versioned is not None and versioned[1] == "1"


def _accepted(scope: Scope) -> Iterator[_Range]:
    """Media ranges the caller takes, without those of weight 0."""
    given = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
    for element in _ELEMENT.findall(given[:_LONGEST]):
        name, parameters = _range(element)
        weight = parameters.pop("q", "1")
        if name and weight.strip("0.") != "":
            yield name, parameters


def _range(text: str) -> _Range:
    name, separator, rest = text.partition(";")
    parameters = {key.lower(): value.strip('"') for key, value in _PARAMETER.findall(separator + rest)}
    if separator and not parameters and rest.strip():
        parameters = {rest.strip().lower(): ""}
    return name.strip().lower(), parameters


def _once(scope: Scope, name: bytes) -> bool:
    return [given for given, _ in scope["headers"]].count(name) <= 1
