"""What the gateway writes to its log: JSON under systemd, readable on a terminal, never a secret."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from gateway.outlet import Outlet

# The last word of keys whose values are secrets, whatever they hold: "api_key", "clientSecret", "Set-Cookie".
SECRET_WORDS = frozenset(
    {
        "token",
        "secret",
        "clientsecret",
        "password",
        "passphrase",
        "authorization",
        "apikey",
        "key",
        "cookie",
        "signature",
    }
)
WORD_ENDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
# What looks like a secret wherever it stands: bearer tokens, JWS, webhook secrets.
SECRET_TEXT = re.compile(
    r"(?i:bearer)\s+\S+|eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*|whsec_[A-Za-z0-9+/=_-]+"
)
HIDDEN = "[hidden]"
# Seconds in which a library says a thing once.
INTERVAL = 60.0
_MOST_SAID = 256
# What a terminal obeys, or shows as another line or in another order: a caller's words could forge or hide others.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _secret(key: str) -> bool:
    return WORD_ENDS.split(key)[-1].lower() in SECRET_WORDS


def hide(value: object) -> object:
    """The value with everything that looks like a secret taken out, at any depth."""
    if isinstance(value, str):
        return SECRET_TEXT.sub(HIDDEN, value)
    if isinstance(value, dict):
        return {key: HIDDEN if _secret(str(key)) else hide(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hide(item) for item in value]
    return value


def without_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: hide secrets by key and by look."""
    for key, value in event.items():
        event[key] = HIDDEN if _secret(key) else hide(value)
    return event


def tame(value: object) -> object:
    """The value with control characters written out, at any depth."""
    if isinstance(value, str):
        return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    if isinstance(value, dict):
        return {str(tame(str(key))): tame(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tame(item) for item in value]
    return value


def without_controls(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor for terminals and files: one event stays one line, a stack trace is set in from it."""
    for key, value in event.items():
        if key == "exception" and isinstance(value, str):
            event[key] = "\n".join(f"    {tame(line)}" for line in value.split("\n"))
        else:
            event[key] = tame(value)
    return event


class Others(logging.Handler):
    """Takes what libraries log in the standard way, and Python's warnings, through the same door.

    A library that says the same ten times a second, as trio does while descriptors are lacking, would wear out a card:
    what it has said is not said again within ``INTERVAL``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record of theirs as one of ours."""
        message = record.getMessage()
        same = (record.name, message)
        # A clock that is set back must not keep a library silent until it has caught up.
        if abs(record.created - self._said.get(same, -math.inf)) < INTERVAL:
            return
        if len(self._said) >= _MOST_SAID:
            self._said.clear()
        self._said[same] = record.created
        logger = structlog.stdlib.get_logger(record.name)
        logger.log(record.levelno, message, logger=record.name, exc_info=record.exc_info)


class Printer:
    """Prints lines of the log; one that is not taken is lost, and nothing else.

    A disk may be full, a pipe without a reader, the journal away for a moment: nothing may fall for that. Nor may it
    wait: a terminal where somebody has pressed Ctrl-S takes nothing, and lines are polled by the same thread.

    Args:
        outlet: where to.
    """

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def msg(self, message: str) -> None:
        """Print one line."""
        self._outlet.put(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def _say_lost(lost: int, line: str) -> str:
    words = f"{lost} lines of the log were lost: nobody took them"
    return json.dumps({"event": words, "level": "warning"}) if line.startswith("{") else words


def _into_journal() -> bool:
    """Whether standard error is the journal's: the variable alone is inherited by whatever a service starts.

    See systemd.exec(5), ``$JOURNAL_STREAM``: device and inode of the stream, in decimal.
    """
    try:
        stream = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stream.st_dev}:{stream.st_ino}"


def set_up(*, level: int = logging.INFO, as_json: bool | None = None) -> None:
    """Set up logging to standard error for this process.

    Args:
        level: the least severe level that is written.
        as_json: JSON lines; None: when standard error is the systemd journal.
    """
    if as_json is None:
        as_json = _into_journal()
    plain = [] if as_json else [without_controls]
    printer = Printer(Outlet(sys.stderr, _say_lost))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Before the secrets are taken out: an exception may quote what a caller sent.
            structlog.processors.format_exc_info,
            without_secrets,
            *plain,
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: printer,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[Others()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
