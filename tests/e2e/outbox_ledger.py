"""What callers of the killed gateway were told, and what listeners heard: by this it is judged."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tests.e2e.receiver import Received

# What the gateway says of its field: nobody is answered, so whoever heard it is the one who was promised.
OF_THE_FIELD = ("alarm:", "device:", "line:")
OF_THE_DRILL = "drill:"
# Where the webhook that asks for order sends to, and that for CloudEvents.
ORDERED, CLOUD = "/ordered", "/cloud"


@dataclass
class Ledger:
    """What callers were told, and what listeners heard.

    Attributes:
        acknowledged: payload number by event id, of events that were taken.
        messages: content by id, of messages that were taken.
        read: ids of messages whose acknowledgement was answered.
        unknown: calls that ended without an answer: nothing was promised.
        refused: calls that were answered, and not with yes.
        heard: sequence numbers in the order in which the WebSocket client heard them, over all its connections.
        since: number of the event after which the webhook was registered.
        types: of the events it heard that came later, by id.
        incomplete: what it was told where the log does not reach back to where it was.
    """

    acknowledged: dict[str, int] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    unknown: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    heard: list[int] = field(default_factory=list)
    since: int = 0
    types: dict[str, str] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)

    def hear(self, frame: dict[str, object]) -> None:
        """Note what came over the WebSocket."""
        if frame["type"] == "subscribed":
            resumed = frame["resumed"]
            assert isinstance(resumed, dict)
            # From nothing is from the first one ever, and nobody knows what was before this state directory.
            if self.heard and not resumed["complete"]:
                self.incomplete.append(json.dumps(frame))
        elif str(frame["type"]).startswith((OF_THE_DRILL, *OF_THE_FIELD)):
            self.heard.append(int(str(frame["seq"])))
            if self.heard[-1] > self.since:
                self.types[str(frame["id"])] = str(frame["type"])

    def of_the_field(self) -> set[str]:
        """Ids of what was heard of the field."""
        return {id_ for id_, type_ in self.types.items() if type_.startswith(OF_THE_FIELD)}

    def missing(self, received: Received) -> dict[str, set[str]]:
        """What of all that was promised has not arrived yet: ids, by where they are missing; empty at last."""
        events = set(self.acknowledged)
        delivered = {str(data_of(bodies[0]).get("message_id")) for bodies in received.bodies.values()}
        missing = {
            "acknowledged events, at the listener": events - self.types.keys(),
            "acknowledged events, at the receiver": events - received.bodies.keys(),
            "events that were heard, at the receiver": self.types.keys() - events - received.bodies.keys(),
            "messages, at the receiver": self.messages.keys() - delivered,
        }
        return {where: ids for where, ids in missing.items() if ids}


def data_of(body: dict[str, object]) -> dict[str, object]:
    """The data of the event that a delivery is of."""
    data = body["data"]
    assert isinstance(data, dict)
    return data


def lasting(body: dict[str, object]) -> str:
    """What must be the same in every attempt, in either form."""
    names = ("event_id", "event_type", "timestamp", "data") if "event_id" in body else ("id", "type", "time", "data")
    return json.dumps([body[name] for name in names], sort_keys=True)


def overtaken(received: Received) -> int:
    """How many deliveries came before an elder event of the same type was said to be taken."""
    known = {id_: (str(bodies[0]["event_type"]), int(str(bodies[0]["seq"]))) for id_, bodies in received.bodies.items()}
    # What is to come, the next one last; of what came again all elders were taken already.
    left: dict[str, list[int]] = defaultdict(list)
    for type_, sequence in sorted(known.values(), reverse=True):
        left[type_].append(sequence)
    overtook = 0
    for id_, said_so in received.course:
        # One that never was taken is not known.
        if id_ not in known:
            continue
        type_, sequence = known[id_]
        waiting = left[type_]
        if waiting and sequence > waiting[-1]:
            overtook += 1
        elif said_so and waiting and sequence == waiting[-1]:
            waiting.pop()
    return overtook


def broken(
    ledger: Ledger,
    received: Received,
    logged: set[str],
    mailbox: dict[str, dict[str, object]],
    others: Mapping[str, Received] = MappingProxyType({}),
) -> dict[str, int]:
    """How often which promise was broken.

    Args:
        ledger: what was promised.
        received: what was delivered.
        logged: ids of all events in the log.
        mailbox: all messages, by id.
        others: what was delivered to the webhooks beside the first one, by path.
    """
    everywhere = [received, *others.values()]
    changed = [
        id_
        for arrived in everywhere
        for id_, bodies in arrived.bodies.items()
        if len({lasting(body) for body in bodies}) > 1
    ]
    wrong = [
        id_
        for arrived in everywhere
        for id_, number in ledger.acknowledged.items()
        for body in arrived.bodies[id_]
        if data_of(body)["number"] != number
    ]
    misread = [
        id_ for id_, content in ledger.messages.items() if id_ not in mailbox or mailbox[id_]["content"] != content
    ]
    unread = [id_ for id_ in ledger.read if id_ not in mailbox or mailbox[id_]["acknowledged_at"] is None]
    backwards = [now for before, now in zip(ledger.heard, ledger.heard[1:], strict=False) if now <= before]
    return {
        "deliveries with another signature": sum(arrived.forged for arrived in everywhere),
        "ids with different events": len(changed),
        "acknowledged events with another's data": len(wrong),
        "acknowledged events that are not in the log": len(ledger.acknowledged.keys() - logged),
        "events of the field that were heard and are not in the log": len(ledger.of_the_field() - logged),
        "acknowledged messages that cannot be pulled as they were": len(misread),
        "messages whose acknowledgement is lost": len(unread),
        "deliveries before their elders, where order was asked for": overtaken(others.get(ORDERED, Received())),
        "events heard twice or out of order": len(backwards),
        "times the log did not reach back": len(ledger.incomplete),
        "calls refused": sum(ledger.refused.values()),
    }
