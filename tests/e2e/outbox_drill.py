"""A gateway that is killed over and over while events, messages and webhooks go through it: what must never be lost.

``python -m tests.drill events`` kills it two hundred times. What was acknowledged is counted by those it was
acknowledged to, what was delivered by a receiver and a WebSocket client that are not ours; of the gateway itself only
the log and the mailbox are asked, at the end. Between two lives its clock leaps by minutes, and sometimes within one.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.e2e.moved_clock import MovedClock
from tests.e2e.outbox_ledger import CLOUD, ORDERED, broken
from tests.e2e.outbox_site import Caller, Drill, lacking
from tests.e2e.programs import until

KILLS = 200
# How long it lives before it is killed, in seconds from ready.
LIFE_S = (0.05, 1.5)
# One life of so many is long enough for a device to fall silent and to come back.
LONG_EVERY, LONG_LIFE_S = 10, 5.0
PUBLISHERS = 3
DRAINED_S = 120.0
# Receivers of Standard Webhooks take what was sent within five minutes, by their own clock.
MOST_MOVED_S = 240


def drill(kills: int = KILLS, seed: int = 1) -> str:
    """Kill it so often; says what was acknowledged and what arrived.

    Raises:
        AssertionError: something that was promised is lost, forged, out of order, or another event by the same id.
    """
    with tempfile.TemporaryDirectory() as directory:
        clock, words = None, f", with its clock up to {MOST_MOVED_S} s wrong, another time in each life"
        try:
            clock = MovedClock(Path(directory) / "clock")
        except LookupError as reason:
            words = lacking(str(reason))
        played = Drill(Path(directory), seed)
        try:
            played.environment = clock.environment if clock is not None else {}
            return _play(played, kills, clock) + words
        finally:
            played.close()


def _live_and_die(played: Drill, number: int, clock: MovedClock | None) -> None:
    """Let it live for a moment, kill it, and start it anew on what is left."""
    life = LONG_LIFE_S if number % LONG_EVERY == LONG_EVERY - 1 else played.chance.uniform(*LIFE_S)
    time.sleep(life / 2)
    if clock is not None and played.chance.random() < 0.2:
        clock.move(played.chance.randint(-MOST_MOVED_S, MOST_MOVED_S))
    time.sleep(life / 2)
    played.kill()
    if clock is not None:
        clock.move(played.chance.randint(-MOST_MOVED_S, MOST_MOVED_S))
    played.gateway = played.start()


def _play(played: Drill, kills: int, clock: MovedClock | None) -> str:
    played.begin_others(played.begin())
    ledger = played.ledger
    senders = [Caller(played, once) for once in (*[played.publish] * PUBLISHERS, played.write, played.read)]
    swing, listener = Caller(played, played.swing), Caller(played, played.listen)
    try:
        try:
            begun = time.monotonic()
            for number in range(kills):
                _live_and_die(played, number, clock)
            seconds = time.monotonic() - begun
            until(lambda: "alarm:raised" in ledger.types.values(), "an alarm was heard")
        finally:
            for sender in senders:
                sender.end()
            swing.end()
        # Nothing more happens: what there is must arrive.
        played.device.kill()
        played.receiver.good = True
        played.drain(DRAINED_S)
    finally:
        played.deaf.set()
        listener.end()
    received = played.receiver.received
    others = {path: played.receiver.at(path) for path in played.others}
    found = broken(ledger, received, played.logged(), played.mailbox(), others)
    assert not any(found.values()), f"{found} {ledger.refused} {ledger.incomplete}"
    assert ledger.acknowledged, "nobody was acknowledged an event"
    assert ledger.messages, "nobody was acknowledged a message"
    field = Counter(ledger.types[id_] for id_ in ledger.of_the_field())
    deliveries = sum(map(len, received.bodies.values()))
    again = deliveries - len(received.bodies)
    beside = {path: sum(map(len, arrived.bodies.values())) for path, arrived in others.items()}
    return (
        f"{kills} kills in {seconds:.0f} s: {len(ledger.acknowledged)} events acknowledged, none lost, none forged; "
        f"{len(ledger.messages)} messages acknowledged, {len(ledger.read)} read, none lost, none unread again; "
        f"{ledger.unknown} calls without an answer; {deliveries} deliveries of {len(received.bodies)} events, {again} "
        f"of them again with the same id; {len(ledger.heard)} heard over a WebSocket, in order, none twice\n"
        f"    of the field, all of it in the log and delivered: {_counted(field)}\n"
        f"    {beside[ORDERED]} deliveries to the webhook that asked for order, none before an elder of its type; "
        f"{beside[CLOUD]} as CloudEvents\n"
        f"    the receiver: {_counted(received.moods)}\n    the gateway ran"
    )


def _counted(numbers: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.most_common())
