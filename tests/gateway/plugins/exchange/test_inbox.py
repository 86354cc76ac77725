"""What waits for an instance, against a list that is sorted anew each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.plugins.exchange.inbox import PRIORITIES, Inbox

MOST, LARGEST = 4, 100
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(PRIORITIES), st.integers(0, 120)),
    st.just(("take",)),
    st.tuples(st.just("withdraw"), st.integers(1, 8)),
)


@given(st.lists(STEPS, max_size=40))
def test_the_most_urgent_comes_first_and_what_waits_is_bounded(steps: list[tuple[object, ...]]) -> None:
    inbox = Inbox[int](MOST, LARGEST)
    model: list[tuple[int, int, int]] = []
    made = 0
    for step in steps:
        match step:
            case ("put", str(priority), int(size)):
                number = inbox.put(made, priority, size)
                room = len(model) < MOST and (not model or sum(each[2] for each in model) + size <= LARGEST)
                assert (number is not None) == room
                if number is not None:
                    model.append((PRIORITIES.index(priority), number, size))
                    made = number
            case ("take",):
                wanted = min(model, default=None)
                taken = inbox.take()
                assert (taken is None) == (wanted is None)
                if wanted is not None:
                    model.remove(wanted)
            case ("withdraw", int(number)):
                there = [each for each in model if each[1] == number]
                assert inbox.withdraw(number) == bool(there)
                for each in there:
                    model.remove(each)
        assert (len(inbox), inbox.size) == (len(model), sum(each[2] for each in model))


def test_they_are_taken_by_priority_then_in_order() -> None:
    inbox = Inbox[str](10, 100)
    for word in ("low 1", "normal 1", "urgent 1", "normal 2", "high 1", "urgent 2"):
        assert inbox.put(word, word.split()[0], 1) is not None
    taken = [inbox.take() for _ in range(7)]
    assert taken == ["urgent 1", "urgent 2", "high 1", "normal 1", "normal 2", "low 1", None]


def test_one_that_is_large_may_wait_alone() -> None:
    inbox = Inbox[str](10, 100)
    assert inbox.put("large", "low", 1000) is not None
    assert inbox.put("small", "urgent", 1) is None
