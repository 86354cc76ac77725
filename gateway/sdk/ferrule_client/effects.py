"""What the pure part of this kit asks of whoever runs it, and what it is told in return.

An operation is a generator: it yields one of these, is sent the reply, and at its end returns its result. It does no
I/O itself, so the same operations serve blocking and asynchronous programs, and tests without a network.
"""

from __future__ import annotations

import ssl
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from .agents import AgentStatus
from .errors import ProtocolError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """POST this and reply with a `Response`, or throw `UnreachableError`.

    Attributes:
        url: where to.
        headers: of the request.
        body: of the request.
        trust: whom to trust instead of the gateway's authority.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    trust: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AskReport:
    """Ask the program how it is, and reply with a `Report`."""


@dataclass(frozen=True, slots=True)
class KeepToken:
    """Keep this for the next start, where a place for it was given; None: forget what is kept."""

    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes:
        status: its status.
        headers: names in lower case.
        body: all of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """How an agent is.

    Attributes:
        status: in a word.
        metrics: up to 64 finite numbers; `cpu` and `memory` are percent.
    """

    status: AgentStatus = AgentStatus.ACTIVE
    metrics: Mapping[str, float] = field(default_factory=dict)


Effect = Send | Pause | AskReport | KeepToken
Reply = Response | Report | None
Steps = Generator[Effect, Reply, T]


def send(request: Send) -> Steps[Response]:
    """Send a request."""
    reply = yield request
    if not isinstance(reply, Response):
        raise ProtocolError("whoever runs this replied to Send without a Response")
    return reply


def ask_report() -> Steps[Report]:
    """Ask the program how it is."""
    reply = yield AskReport()
    return reply if isinstance(reply, Report) else Report()


def pause(seconds: float) -> Steps[None]:
    """Wait."""
    yield Pause(seconds)


def keep_token(token: str | None) -> Steps[None]:
    """Keep a token."""
    yield KeepToken(token)
