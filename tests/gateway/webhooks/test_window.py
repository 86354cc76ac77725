"""What is at hand: nothing is passed over, whatever happens in whatever order."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.eventlog import Delivery, DeliveryStatus
from gateway.webhooks.window import Waiting, Window


def delivery(sequence: int, key: str | None) -> Delivery:
    return Delivery(
        f"d-{sequence}", "wh-1", sequence, f"e-{sequence}", "alarm:raised", DeliveryStatus.WAITING, 0, 0.0, key=key
    )


actions = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([None, "x", "y"])),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.sampled_from(["done", "again", "back"]), st.none()),
        st.tuples(st.sampled_from(["write", "fail"]), st.none()),
        st.tuples(st.just("hurry"), st.none()),
    ),
    max_size=60,
)


@given(actions)
def test_the_cursor_passes_nothing_that_the_disk_does_not_know(actions: list[tuple[str, str | None]]) -> None:
    window, read, now, cursor = Window(), 0, 0.0, 0
    known: dict[int, bool] = {}
    taken: list[Waiting] = []
    done: list[int] = []
    for action, key in actions:
        now += 1
        if action == "add":
            read += 1
            window.add(Waiting(delivery(read, key), now))
        elif action == "take":
            waiting = window.take(now)
            if waiting is not None:
                taken.append(waiting)
        elif action in ("done", "again", "back") and taken:
            waiting = taken.pop(0)
            if action == "back":
                window.give_back(waiting, now + 3)
                continue
            ended = action == "done"
            due = math.inf if ended else now + 5
            window.settle(waiting, replace(waiting.delivery, attempts=1), due, None)
            if ended:
                done.append(waiting.delivery.sequence)
        elif action in ("write", "fail"):
            batch = window.changes()
            reached = window.reached(read)
            if action == "write":
                known |= {waiting.delivery.sequence: waiting.done for waiting in batch.changed}
                cursor = max(cursor, reached)
            else:
                window.put_back(batch)
        elif action == "hurry":
            for waiting in window:
                window.hurry(waiting, now)
        # A crash now: all that is not known is behind the cursor.
        assert all(sequence in known for sequence in range(1, cursor + 1))
        assert cursor <= read
        # Of one key one is under way at most, and they end in their order.
        keys = [waiting.delivery.key for waiting in taken if waiting.delivery.key]
        assert len(keys) == len(set(keys))
    for waiting in taken:
        window.give_back(waiting, now)
    # Nothing is forgotten: at the end of all time each is taken and done once.
    while (waiting := window.take(1e18)) is not None:
        window.settle(waiting, waiting.delivery, math.inf, None)
        done.append(waiting.delivery.sequence)
    assert sorted(done) == list(range(1, read + 1))
    window.changes()
    assert len(window) == 0
    assert window.reached(read) == read
