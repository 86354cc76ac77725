from hypothesis import given
from hypothesis import strategies as st

from gateway.governor.health import Term, counted, falling, health_of, overall, share, status

SCORES = st.one_of(st.none(), st.floats(-50, 150))


def test_the_seeds_five_levels_make_the_seeds_overall_health() -> None:
    assert overall([95, 88, 92, 90, 94]) == 92
    assert status(92) == "optimal"


def test_status_words_change_at_the_documented_bounds() -> None:
    assert [status(health) for health in (100, 90, 89, 70, 69, 0, None)] == [
        "optimal",
        "optimal",
        "degraded",
        "degraded",
        "critical",
        "critical",
        "unknown",
    ]


def test_what_was_not_measured_does_not_count() -> None:
    measured = Term("devices", 50, 1, "")
    assert health_of([measured, Term("latency", None, 9, "")]) == 50
    assert health_of([Term("latency", None, 9, "")]) is None
    assert health_of([]) is None


@given(st.lists(st.builds(Term, st.just("t"), SCORES, st.floats(0.1, 10), st.just("")), max_size=8))
def test_a_health_is_a_whole_number_from_0_to_100_between_its_terms(terms: list[Term]) -> None:
    health = health_of(terms)
    scores = [min(max(term.score, 0), 100) for term in terms if term.score is not None]
    if not scores:
        assert health is None
    else:
        assert health is not None
        assert min(scores) - 0.5 <= health <= max(scores) + 0.5


def test_no_whole_has_no_share() -> None:
    assert share(0, 0) is None
    assert share(3, 4) == 75


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_a_falling_score_stays_in_bounds(value: float, best: float, worst: float) -> None:
    assert 0 <= falling(value, best, worst) <= 100
    assert falling(best, best, worst) == 100


def test_one_is_told_of_as_one() -> None:
    assert [counted(number, "hold") for number in (0, 1, 2)] == ["0 holds", "1 hold", "2 holds"]
    assert [counted(number, "alert stands", "alerts stand") for number in (1, 3)] == [
        "1 alert stands",
        "3 alerts stand",
    ]
