"""What is due is done in its turn, and what is too much makes room for what is new."""

from __future__ import annotations

import threading

from gateway.sdk.ferrule_plugin.worker import MOST_WAITING, Worker


def test_tasks_run_in_order_and_the_last_one_ends_it() -> None:
    done: list[int] = []
    worker = Worker(lambda _: None)
    for number in range(5):
        worker.do(lambda number=number: done.append(number))  # type: ignore[misc] # a lambda with a default
    worker.do(lambda: worker.end(lambda: done.append(99)))
    worker.do(lambda: done.append(-1))
    worker.run()
    assert done == [0, 1, 2, 3, 4, 99]


def test_what_fails_is_told_and_does_not_end_it() -> None:
    failed: list[Exception] = []
    worker = Worker(failed.append)
    worker.do(lambda: 1 // 0)
    worker.do(lambda: worker.end(lambda: None))
    worker.run()
    assert [type(error) for error in failed] == [ZeroDivisionError]


def test_the_oldest_make_room() -> None:
    done: list[int] = []
    worker = Worker(lambda _: None)
    for number in range(MOST_WAITING + 10):
        worker.do(lambda number=number: done.append(number))  # type: ignore[misc] # a lambda with a default
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    worker.do(lambda: worker.end(lambda: None))
    thread.join(30)
    assert done[0] >= 10
    assert done[-1] == MOST_WAITING + 9


def test_a_turn_that_is_missed_is_not_made_up_for() -> None:
    now, ticks = [0.0], [0]
    worker = Worker(lambda _: None, lambda: now[0])

    def tick() -> None:
        ticks[0] += 1
        # The first one takes ten turns' time.
        now[0] += 10.0 if ticks[0] == 1 else 1.0
        if ticks[0] == 4:
            worker.end(lambda: None)

    worker.every(1.0, tick)
    worker.run()
    assert ticks == [4]
    assert now == [13.0]
