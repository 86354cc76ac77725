"""What is remembered for who was away for a moment."""

from __future__ import annotations

from gateway.api.live.recent import MOST, Recent
from gateway.core.events import Event


def event(number: int, text: str = "") -> Event:
    return Event(f"event-{number}", "rig", number, "user:action", 0.0, "synchronised", {"text": text})


def test_so_many_are_remembered() -> None:
    recent = Recent(0)
    for number in range(1, MOST + 11):
        recent.add(event(number))
    assert (recent.floor, recent.newest) == (10, MOST + 10)
    assert [published.event.sequence for published in recent.after(MOST)] == [*range(MOST + 1, MOST + 11)]


def test_of_large_ones_fewer_are_remembered_and_it_is_known_which() -> None:
    recent = Recent(0)
    for number in range(1, MOST):
        recent.add(event(number, "x" * 48_000))
    remembered = list(recent.after(0))
    assert sum(len(published.frame) for published in remembered) < 4 * 1024 * 1024
    assert remembered[0].event.sequence == recent.floor + 1 > 400
    recent.skip(1000)
    for number in range(1001, 1011):
        recent.add(event(number))
    assert (recent.floor, len(list(recent.after(0)))) == (1000, 10)
