"""What is wrong with a document of a caller: every place at once, each with the cure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json

# Names that stand in a path as they are; others are quoted as in JSON, so that every path names one place.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# In the error of a refused document; the first ones are enough to mend it, and the answer stays small.
_MOST_SHOWN = 20


class Severity(StrEnum):
    """Whether a document with this issue is refused."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with a document (D-037).

    Attributes:
        field: the path of the place, from the document: ``capabilities[2].parameters[0].type``; empty for the whole.
        code: one word for programs.
        message: what is wrong and what to do.
        severity: an error refuses the document.
        provided: what stood there; None for what is missing.
        refusal: the error it becomes where it alone decides; None: an invalid parameter.
    """

    field: str
    code: str
    message: str
    severity: Severity = Severity.ERROR
    provided: Json = None
    refusal: GatewayError | None = None


def member(path: str, name: str) -> str:
    """The path of a member of the object at ``path``."""
    if not _PLAIN.fullmatch(name):
        return f"{path}[{json.dumps(name)}]"
    return f"{path}.{name}" if path else name


def element(path: str, index: int) -> str:
    """The path of an element of the array at ``path``."""
    return f"{path}[{index}]"


def errors(issues: Iterable[Issue]) -> list[Issue]:
    """Those that refuse the document."""
    return [issue for issue in issues if issue.severity is Severity.ERROR]


def refusal(issues: Iterable[Issue], document: str) -> GatewayError | None:
    """What a caller is told of a document that is refused: the first error, with all of them beside it.

    Args:
        issues: of the document.
        document: the parameter it was given in, which the paths then begin with: ``agentCard``.

    Returns:
        The error to raise; None where nothing refuses the document.
    """
    found = errors(issues)
    if not found:
        return None
    first = found[0]
    field = _below(document, first.field)
    base = first.refusal or GatewayError(Code.INVALID, first.message, provided=first.provided)
    listed = [
        {"field": _below(document, issue.field), "code": issue.code, "message": issue.message}
        for issue in found[:_MOST_SHOWN]
    ]
    details: dict[str, object] = dict(base.details)
    if len(found) > 1:
        details["issues"] = listed
    return GatewayError(base.code, base.reason, field=field, provided=base.provided, details=details)


def _below(document: str, field: str) -> str:
    if not field:
        return document
    return f"{document}{field}" if field.startswith("[") else f"{document}.{field}"
