"""What goes through the door to a plugin's unit: a sandbox as text, and what the system there has. Pure.

Only values go through, no command lines: what is on the other side builds its own, so that the most a gateway in wrong
hands could ask for is one more sandbox.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.plugins.host.sandbox import Means, Sandbox

# Of one message, either way; a sandbox takes a few kilobytes.
LONGEST = 128 * 1024
# The descriptors that come with a sandbox: its three streams, and what bubblewrap tells its state to.
DESCRIPTORS = 4


class PassageError(ValueError):
    """What came through the door is none of what may; the text says why."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gateway asks; nothing in it: what there is to start sandboxes with.

    Attributes:
        start: the sandbox it wants.
        nested: bubblewrap can close further user namespaces to it.
        closes: it can close calls of the kernel to it.
    """

    start: Sandbox | None = None
    nested: bool = False
    closes: bool = True


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What it is told.

    Attributes:
        pid: of the sandbox, whose descriptor comes with it.
        means: what there is.
        error: why neither.
    """

    pid: int | None = None
    means: Means | None = None
    error: str | None = None


def _as_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)


_ENCODER = msgspec.json.Encoder(enc_hook=str)
_QUESTIONS = msgspec.json.Decoder(Question, dec_hook=_as_path)
_ANSWERS = msgspec.json.Decoder(Answer, dec_hook=_as_path)


def encode(message: Question | Answer) -> bytes:
    """A message as it goes through the door."""
    return _ENCODER.encode(message)


def answer_of(text: bytes) -> Answer:
    """What the other side says.

    Raises:
        PassageError: it is none of what it may say.
    """
    try:
        return _ANSWERS.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PassageError(f"no answer: {error}") from None


def question_of(text: bytes, state: Path) -> Question:
    """What a gateway asks.

    Args:
        text: as it came.
        state: directory that all places of plugins lie in.

    Raises:
        PassageError: it is none of what it may ask, or a place lies elsewhere.
    """
    try:
        question = _QUESTIONS.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PassageError(f"no question: {error}") from None
    sandbox = question.start
    if sandbox is not None:
        if not sandbox.command or sandbox.user is not None:
            raise PassageError("a sandbox here has a file to run, and no user of its own")
        within = state.resolve()
        for place in (sandbox.package, sandbox.data):
            if within not in place.resolve().parents:
                raise PassageError(f"{place} does not lie in {state}")
    return question
