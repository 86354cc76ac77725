from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.governor.ladder import Ladder, Rung

RUNGS = (Rung("mild", 10.0), Rung("strong", 20.0))


def climbed(ladder: Ladder, until: int) -> list[tuple[int, str]]:
    taken = []
    for now in range(until):
        rung = ladder.due(now, 0.0, 5.0)
        if rung is not None:
            ladder.climb(now)
            taken.append((now, rung.kind))
    return taken


def test_the_next_rung_follows_when_the_one_before_did_not_help_and_the_last_is_repeated_slower() -> None:
    assert climbed(Ladder(RUNGS, longest=100.0), 400) == [
        (5, "mild"),
        (15, "strong"),
        (35, "strong"),
        (75, "strong"),
        (155, "strong"),
        (255, "strong"),
        (355, "strong"),
    ]


def test_a_trouble_must_stay_away_for_a_while_to_be_healed() -> None:
    ladder = Ladder(RUNGS, settled=60.0)
    assert not ladder.healthy(0)
    assert not ladder.healthy(59)
    assert ladder.healthy(60)
    ladder.due(61, 0, 5)
    assert not ladder.healthy(62)


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=4), st.floats(10, 1e5), st.integers(1, 60))
def test_pauses_never_shrink_and_never_exceed_the_longest(
    patiences: list[float], longest: float, attempts: int
) -> None:
    ladder = Ladder(tuple(Rung(str(number), patience) for number, patience in enumerate(sorted(patiences))), longest)
    moments = [0.0]
    while len(moments) <= attempts:
        assert ladder.due(moments[-1], 0.0, 0.0) is not None
        ladder.climb(moments[-1])
        step = 1.0
        while ladder.due(moments[-1] + step, 0.0, 0.0) is None:
            step *= 2
        moments.append(moments[-1] + step)
        assert step <= 2 * max(longest, 1.0)
