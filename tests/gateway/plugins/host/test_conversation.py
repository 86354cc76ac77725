"""Answers find their questions; what does not fit is counted, and nothing grows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.plugins.host.conversation import AskedTooMuchError, Conversation, Limits, Refused
from gateway.plugins.host.frames import TooLong
from gateway.plugins.host.messages import BUSY, Answer, Request, TooLargeError

LIMITS = Limits(frame=1000, asking=3, asked=2, given_up=2)


def line(**members: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


def test_answers_out_of_order_find_their_questions() -> None:
    side = Conversation(LIMITS)
    first, text = side.ask("health", {})
    second, _ = side.ask("health", {})
    assert json.loads(text) == {"jsonrpc": "2.0", "id": first, "method": "health", "params": {}}
    assert side.receive(line(id=second, result=2)) == Answer(second, result=2)
    assert side.receive(line(id=first, result=1)) == Answer(first, result=1)
    assert side.asking == 0


def test_late_double_and_unknown_answers_are_counted() -> None:
    side = Conversation(LIMITS)
    given_up, answered = side.ask("a", {})[0], side.ask("b", {})[0]
    side.give_up(given_up)
    side.receive(line(id=answered, result=1))
    for number in (given_up, given_up, answered, 99, 0, -1):
        assert side.receive(line(id=number, result=1)) is None
    for odd in (str(given_up), None):
        assert side.receive(line(id=odd, error={"code": 1, "message": ""})) is None
    assert (side.counts.late, side.counts.duplicate, side.counts.unknown) == (1, 2, 5)


def test_so_many_questions_and_no_more() -> None:
    side = Conversation(LIMITS)
    for _ in range(3):
        side.ask("a", {})
    with pytest.raises(AskedTooMuchError):
        side.ask("a", {})
    side.give_up(1)
    side.ask("a", {})


def test_a_question_that_does_not_fit_was_not_asked() -> None:
    side = Conversation(LIMITS)
    with pytest.raises(TooLargeError):
        side.ask("a", {"x": "y" * 1000})
    assert side.asking == 0


def test_the_other_side_may_ask_so_much_at_once() -> None:
    side = Conversation(LIMITS)
    assert side.receive(line(id="a", method="x")) == Request("x", {}, "a")
    assert isinstance(again := side.receive(line(id="a", method="x")), Refused)
    assert b"is open" in (again.reply or b"")
    assert isinstance(side.receive(line(id="b", method="x")), Request)
    assert isinstance(busy := side.receive(line(id="c", method="x")), Refused)
    assert json.loads(busy.reply or b"")["error"]["code"] == BUSY
    assert json.loads(side.answer("a", 1)) == {"jsonrpc": "2.0", "id": "a", "result": 1}
    assert isinstance(side.receive(line(id="a", method="x")), Request)
    assert (side.counts.busy, side.counts.reused) == (1, 1)


def test_prints_are_not_answered_but_mistakes_are() -> None:
    side = Conversation(LIMITS)
    assert side.receive(b"hello world") == Refused(None, b"hello world")
    assert isinstance(broken := side.receive(b"{broken"), Refused)
    assert json.loads(broken.reply or b"")["id"] is None
    assert isinstance(huge := side.receive(TooLong(5000)), Refused)
    assert b"5000 bytes" in (huge.reply or b"")
    assert (side.counts.garbage, side.counts.too_long) == (2, 1)


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=40), max_size=20))
def test_noise_leaves_nothing_behind(pieces: list[bytes]) -> None:
    side = Conversation(LIMITS)
    for piece in pieces:
        for one in side.feed(piece):
            side.receive(one)
    assert (side.asking, side.asked) == (0, 0)


class Babble(RuleBasedStateMachine):
    """Two sides do whatever they like."""

    def __init__(self) -> None:
        super().__init__()
        self.side = Conversation(LIMITS)
        self.open: set[int] = set()
        self.theirs: set[int] = set()

    @rule()
    def ask(self) -> None:
        if len(self.open) < LIMITS.asking:
            self.open.add(self.side.ask("a", {})[0])

    @rule(number=st.integers(0, 12))
    def answered(self, number: int) -> None:
        found = self.side.receive(line(id=number, result=number))
        assert (found is not None) is (number in self.open)
        self.open.discard(number)

    @rule(number=st.integers(0, 12))
    def give_up(self, number: int) -> None:
        self.side.give_up(number)
        self.open.discard(number)

    @rule(number=st.integers(0, 5))
    def asked(self, number: int) -> None:
        found = self.side.receive(line(id=number, method="x"))
        taken = number not in self.theirs and len(self.theirs) < LIMITS.asked
        assert isinstance(found, Request) is taken
        if taken:
            self.theirs.add(number)

    @rule(number=st.integers(0, 5))
    def answer(self, number: int) -> None:
        if number in self.theirs:
            self.side.answer(number, None)
            self.theirs.remove(number)

    @invariant()
    def bounded(self) -> None:
        assert self.side.asking == len(self.open) <= LIMITS.asking
        assert self.side.asked == len(self.theirs) <= LIMITS.asked


TestBabble = Babble.TestCase
TestBabble.settings = settings(max_examples=50, stateful_step_count=30)
