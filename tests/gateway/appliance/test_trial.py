"""A system on trial is kept only when it serves, stays up, and what worked before works again."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from gateway.appliance.trial import PATIENCE_S, STEADY_S, Proof, Seen, Verdict

STEP = 5.0


def judge(
    looks: Iterable[tuple[int, frozenset[str] | None]], lines: tuple[str, ...] = ()
) -> tuple[Verdict, str, float]:
    """What becomes of it when it is looked at every five seconds: restarts, and lines that answer."""
    proof, at, said = Proof(0.0, lines), 0.0, ""
    for restarts, answering in looks:
        verdict, said = proof.look(Seen(at, restarts, answering, "connection refused"))
        if verdict is not Verdict.WAITING:
            return verdict, said, at
        at += STEP
    return Verdict.WAITING, said, at


def test_it_is_kept_when_it_has_served_for_two_minutes() -> None:
    verdict, _, at = judge([(0, None)] * 4 + [(0, frozenset())] * 1000)
    assert verdict is Verdict.PROVED
    assert at == 4 * STEP + STEADY_S


def test_a_line_that_answered_before_has_to_answer_again() -> None:
    verdict, said, at = judge([(0, frozenset({"hall"}))] * 1000, ("hall", "roof"))
    assert verdict is Verdict.FAILED
    assert at == PATIENCE_S
    assert said == "no device answers on roof, where devices answered before the update"


def test_each_line_counts_once_it_has_answered() -> None:
    looks = [(0, frozenset({"hall"}))] * 10 + [(0, frozenset({"roof"}))] * 1000
    assert judge(looks, ("hall", "roof"))[0] is Verdict.PROVED


def test_a_gateway_that_never_answers_is_told_with_its_reason() -> None:
    verdict, said, _ = judge([(0, None)] * 1000)
    assert verdict is Verdict.FAILED
    assert said == "the gateway does not answer: connection refused"


def test_a_gateway_that_goes_on_ending_is_not_waited_for() -> None:
    verdict, said, at = judge([(number // 4, frozenset()) for number in range(1000)])
    assert verdict is Verdict.FAILED
    assert said == "the gateway ended 3 times: connection refused"
    assert at < PATIENCE_S


def test_one_end_begins_the_two_minutes_anew() -> None:
    verdict, _, at = judge([(0, frozenset())] * 20 + [(1, frozenset())] * 1000)
    assert verdict is Verdict.PROVED
    assert at > 20 * STEP + STEADY_S


def test_what_answered_the_gateway_that_ended_has_to_answer_the_next_one() -> None:
    looks: list[tuple[int, frozenset[str] | None]] = [(0, frozenset({"hall"}))] * 5
    verdict, said, _ = judge(looks + [(1, frozenset[str]())] * 1000, ("hall",))
    assert verdict is Verdict.FAILED
    assert "no device answers on hall" in said


def test_a_line_that_was_taken_out_is_not_waited_for() -> None:
    proof, hall = Proof(0.0, ("hall", "roof")), frozenset({"hall"})
    verdicts = [proof.look(Seen(step * STEP, 0, hall, known=hall))[0] for step in range(30)]
    assert verdicts[-1] is Verdict.PROVED


@given(st.lists(st.tuples(st.integers(0, 4), st.none() | st.frozensets(st.sampled_from("ab"))), max_size=400))
def test_nothing_is_kept_that_did_not_serve_to_the_end(looks: list[tuple[int, frozenset[str] | None]]) -> None:
    looks = [(max(one[0] for one in looks[: at + 1]), look[1]) for at, look in enumerate(looks)]
    verdict, _, at = judge(looks, ("a", "b"))
    if verdict is Verdict.PROVED:
        last = int(at / STEP)
        steady = looks[last - int(STEADY_S / STEP) : last + 1]
        assert all(answering is not None for _, answering in steady)
        assert len({restarts for restarts, _ in steady}) == 1
        seen = frozenset[str]().union(*(answering or () for _, answering in looks[: last + 1]))
        assert seen >= {"a", "b"}
