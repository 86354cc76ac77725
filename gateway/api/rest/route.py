"""What a path of the plugin API is: who may ask for what, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Generic, TypeVar

import msgspec

from gateway.api.origin import Origin
from gateway.api.replies import Reply, ReplyHeaders
from gateway.api.request import Request
from gateway.api.rest.paging import Page, link_header
from gateway.api.rest.problems import Problem
from gateway.api.rest.queries import Target
from gateway.api.rest.shapes import Nothing, names_of
from gateway.api.rest.uploads import Pace
from gateway.api.streaming import Stream
from gateway.core.ports import Json

# Bytes of a body, unless a route says otherwise; ``[limits] body_size`` may be less.
LARGEST_BODY = 64 * 1024
# What secrets are called in answers; each is shown once.
_SECRETS = frozenset({"access_token", "api_key", "client_secret", "code", "refresh_token", "signing_secret", "token"})


class Form(Enum):
    """How bodies and answers of a route are written."""

    # ``{"data": ...}``, the envelope of the reference (D-005).
    ENVELOPE = auto()
    # The envelope, or what stands in it alone (D-005).
    EITHER = auto()
    # A document of JSON:API 1.1, with one resource or a list of them (ruling 8).
    DOCUMENT = auto()
    # Bytes as they are: a package, or the text that comes with it.
    FILE = auto()
    # HTML for people, errors included; what is sent is a form.
    PAGE = auto()


B = TypeVar("B")
Q = TypeVar("Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[B, Q]):
    """A request whose form has been checked.

    Attributes:
        origin: who asks, and from where.
        path: values of the path's variables.
        body: what was sent; None where the route takes no body, or none was sent and none is needed.
        related: relationships that were sent with it, as ``Route.related`` has them; None where the route takes none.
        query: its parameters.
        target: to link to pages of the same list.
    """

    origin: Origin
    path: Mapping[str, str]
    body: B
    related: object = None
    query: Q
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What an answer has instead of data.

    Attributes:
        content_type: of it.
        body: all of it, unless there is a stream.
        stream: it piece by piece.
    """

    content_type: bytes
    body: bytes = b""
    stream: Stream | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request is answered with.

    Attributes:
        data: the member of that name; nothing is sent with status 204.
        file: in its place, where the route gives one.
        status: another than that of the route.
        meta: beside the data.
        links: beside the data.
        headers: more of them.
        target: what was made or changed, for the audit log, where the path does not name it.
    """

    data: object = None
    file: File | None = None
    status: int | None = None
    meta: Mapping[str, object] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    headers: ReplyHeaders = ()
    target: str | None = None


# Does the work of a route by itself: it is given the request and the values of the path's variables. It raises what
# ``run`` may raise, Problem and Disconnected.
Raw = Callable[[Request, Mapping[str, str]], Awaitable[Reply]]


def listed(page: Page) -> Answer:
    """The answer that is one page of a list."""
    return Answer(data=page.rows, meta=page.meta, links=page.links, headers=link_header(page.links))


def _nothing(_: Call[Any, Any]) -> Mapping[str, Json]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An entry of the table; there is no other way in.

    Attributes:
        name: ``webhook.create``: for limits, metrics and the audit log.
        method: of HTTP; GET stands for HEAD too.
        path: with variables as ``{webhook_id}``; one that is ``open`` has none.
        run: does the work; None where ``raw`` does.
        raw: does it from the first byte to the last, for bodies and answers that are not in this API's envelope. It
            reads the body itself; ``body`` and ``result`` then say what stands there without an envelope.
        refusal: makes the reply to a request that fails, where that is no problem document.
        open: no token is needed (ruling 24); who has one may have it looked at in ``Call.origin``.
        scope: what the caller's token must allow; None: any good token will do, or none where the route is open.
        summary: for the documentation.
        result: what ``data`` is made of, or each of its members where it is a list; None: there is none.
        listing: ``data`` is a list.
        status: of an answer.
        takes: how a body is written; of a file ``Call.body`` is the ``Upload``, and ``body`` is None.
        gives: how an answer is written.
        files: media types of an answer that is a file.
        accepts: media types of a body that is a file, the one to name first.
        pace: of a body that is a file and may take longer than other requests do; None: none may.
        body: what must be sent; None: nothing may be. Of a document: the attributes of its resource.
        related: relationships that stand beside the attributes of a document; None: none may.
        body_needed: False: it may be left out.
        query: parameters.
        resource: type it may be written as, and is shown as.
        waits: it follows ``Prefer: wait`` (RFC 7240).
        audited: it changes something that the audit log is to tell of.
        noted: what of it that log shows; never a secret.
        origin: ``seed`` where the reference has it, else ``addition``.
        largest: bytes of a body.
        media_type: of what a route gives that writes it itself and has no ``result``.
        also: other statuses of success, and what each means; it gives the same then, but for 3xx.
        fails: statuses it may end with beside those that follow from what it is.
    """

    name: str
    method: str
    path: str
    run: Callable[[Call[Any, Any]], Awaitable[Answer]] | None = None
    raw: Raw | None = None
    refusal: Callable[[Problem], Reply] | None = None
    open: bool = False
    scope: str | None
    summary: str
    resource: str
    result: type[msgspec.Struct] | None
    listing: bool = False
    status: int = 200
    takes: Form = Form.ENVELOPE
    gives: Form = Form.ENVELOPE
    files: tuple[str, ...] = ("application/gzip",)
    accepts: tuple[str, ...] = ("application/gzip", "application/octet-stream", "application/x-gzip")
    pace: Pace | None = None
    body: type[msgspec.Struct] | None = None
    related: type[msgspec.Struct] | None = None
    body_needed: bool = True
    query: type[msgspec.Struct] = Nothing
    waits: bool = False
    audited: bool = True
    noted: Callable[[Call[Any, Any]], Mapping[str, Json]] = _nothing
    origin: str = "addition"
    largest: int = LARGEST_BODY
    media_type: str = "application/json"
    also: Mapping[int, str] = field(default_factory=dict)
    fails: frozenset[int] = frozenset()

    @property
    def confidential(self) -> bool:
        """Whether its answers have secrets in them, by their names: where answers are kept, these are sealed."""
        return self.result is not None and not _SECRETS.isdisjoint(names_of(self.result))

    @property
    def keyed(self) -> bool:
        """Whether it makes something, so that ``Idempotency-Key`` has it made once."""
        return self.method == "POST" and self.run is not None and not self.open and self.status in {201, 202}
