"""A hundred agents at work, in a process of their own: they register, stay registered, read, announce and write.

``tests.e2e.soak`` starts it and looks at the gateway meanwhile. Each is an agent as the client kit makes one, with its
own enrolment, key, token file and TLS connection.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar

import trio

from gateway.sdk.ferrule_client import AsyncFerruleClient, Enrolment, FerruleError, Report, RpcError

T = TypeVar("T")

# Set-points that fall back to a safe value when the lease is over, with what may be written there.
SETPOINTS = (("rs485/drive/speed-setpoint", 3000), ("plant/inverter/power-limit", 100))
READ = (
    "plant/inverter/power",
    "plant/inverter/frequency",
    "plant/weather/temperature",
    "rs485/meter/power",
    "rs485/temperature/room",
    "rs485/drive/speed",
)
LEASE_S = 30.0
# One of so many calls of a reader looks for services.
DISCOVERS = 10
# One of so many agents offers a service.
OFFERS = 10
# Agents come one after the other, as machines do that are switched on together.
APART_S = 0.05
CAPABILITY = "soak"
# A lease is kept by one agent of these, and wanted by another one.
WRITERS = 2 * len(SETPOINTS)


@dataclass(slots=True)
class Tally:
    """What the agents saw.

    Attributes:
        seconds: of calls that were answered, by their kind.
        refused: calls that were refused, by kind and code.
        outcomes: of writes.
        conflicts: writes that were refused since another agent has the lease.
        heartbeats: that were sent.
        slips: readings that were bad and writes that were not confirmed, in words: what a device that is late does.
        troubles: whatever else went wrong.
    """

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    heartbeats: int = 0
    slips: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def data(self) -> dict[str, object]:
        return {
            "seconds": self.seconds,
            "refused": self.refused,
            "outcomes": self.outcomes,
            "conflicts": self.conflicts,
            "heartbeats": self.heartbeats,
            "slips": self.slips,
            "troubles": self.troubles,
        }


class Complaints(logging.Handler):
    """Keeps what the kit warns of: an agent that was not heard."""

    def __init__(self, troubles: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._troubles = troubles

    def emit(self, record: logging.LogRecord) -> None:
        self._troubles.append(record.getMessage())


class Crew:
    """The agents.

    Args:
        enrolments: one of each.
        pace: seconds between two calls of one agent, heartbeats aside.
        make: makes a client of an enrolment and a card.
    """

    def __init__(
        self,
        enrolments: list[Enrolment],
        pace: float,
        make: Callable[[Enrolment, Mapping[str, object]], AsyncFerruleClient],
    ) -> None:
        self._enrolments = enrolments
        self._pace = pace
        self._make = make
        self._leased = [trio.Event() for _ in SETPOINTS]
        self._registered = 0
        self._all = trio.Event()
        self.tally = Tally()

    async def work(self, seconds: float) -> None:
        """Come, and work for so long from when the last one has registered."""
        async with trio.open_nursery() as nursery:
            for number, enrolment in enumerate(self._enrolments):
                nursery.start_soon(self._agent, number, enrolment)
                await trio.sleep(APART_S)
            await self._all.wait()
            print("registered", flush=True)  # noqa: T201 - who started us waits for it
            # Those who came first have been at work meanwhile.
            self.tally.seconds.clear()
            self.tally.heartbeats = 0
            await trio.sleep(seconds)
            nursery.cancel_scope.cancel()

    async def _agent(self, number: int, enrolment: Enrolment) -> None:
        card = {
            "agentId": enrolment.agent_id,
            "name": f"Agent {number}",
            "description": "one of many",
            "version": "1.0.0",
            "capabilities": [],
            "endpoints": [],
        }
        offers = number >= WRITERS and number % OFFERS == 0
        service = {
            "serviceId": f"service-{number}",
            "name": f"Service {number}",
            "type": "data-logger",
            "capabilities": [CAPABILITY],
            "endpoint": "https://127.0.0.1:8443",
            "ttl": 60,
        }
        rng = Random(number)
        async with self._make(enrolment, card) as client:
            await client.register()
            self._registered += 1
            if self._registered == len(self._enrolments):
                self._all.set()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.keep_alive, self._report, [service] if offers else [])
                await trio.sleep(rng.uniform(0.0, self._pace))
                while True:
                    due = trio.current_time() + self._pace * rng.uniform(0.8, 1.2)
                    await self._call(number, client, rng)
                    await trio.sleep_until(due)

    def _report(self) -> Report:
        self.tally.heartbeats += 1
        return Report(metrics={"cpu": 12.5, "memory": 40.0})

    async def _call(self, number: int, client: AsyncFerruleClient, rng: Random) -> None:
        if number < WRITERS:
            await self._write(number, client, rng)
        elif rng.random() < 1 / DISCOVERS:
            await self._timed("discovery.services", lambda: client.discover_services(CAPABILITY))
        else:
            readings = await self._timed("tag.read", lambda: client.read_tags(rng.sample(READ, 3)))
            for reading in (readings or {}).values():
                if reading.value is None:
                    self.tally.slips.append(f"{reading.tag} is {reading.quality} ({reading.reason})")

    async def _write(self, number: int, client: AsyncFerruleClient, rng: Random) -> None:
        which, rival = number % len(SETPOINTS), number >= len(SETPOINTS)
        tag, most = SETPOINTS[which]
        if rival:
            await self._leased[which].wait()
        result = await self._timed(
            "tag.write", lambda: client.write_tag(tag, rng.randrange(most), LEASE_S), conflict=rival
        )
        if result is None:
            return
        self.tally.outcomes[str(result.outcome)] += 1
        if rival:
            self.tally.troubles.append(f"{tag} was written although another agent has the lease")
        elif result.confirmed:
            self._leased[which].set()
        else:
            self.tally.slips.append(f"{tag}: {result.outcome} ({result.reason}: {result.message})")

    async def _timed(self, kind: str, call: Callable[[], Awaitable[T]], *, conflict: bool = False) -> T | None:
        """A call and how long it took; ``conflict``: that somebody else has the lease is as it must be."""
        began, result = trio.current_time(), None
        try:
            result = await call()
        except RpcError as error:
            self.tally.refused[f"{kind} {error.code}"] += 1
            if conflict and error.reason == "conflict":
                self.tally.conflicts += 1
            else:
                self.tally.troubles.append(f"{kind}: {error}")
        except FerruleError as error:
            self.tally.troubles.append(f"{kind}: {error}")
        self.tally.seconds[kind].append(trio.current_time() - began)
        return result


def main(url: str, ca: Path, directory: Path, pace: float, seconds: float) -> None:
    """Let the agents work whose enrolments are in a directory; prints what they saw."""
    enrolments = [Enrolment.load(path) for path in sorted(directory.glob("*.json"))]

    def make(enrolment: Enrolment, card: Mapping[str, object]) -> AsyncFerruleClient:
        token_file = directory / f"{enrolment.agent_id}.token"
        return AsyncFerruleClient(url, card, ca=ca, enrolment=enrolment, token_file=token_file, max_wait=0)

    crew = Crew(enrolments, pace, make)
    logging.getLogger("ferrule_client").addHandler(Complaints(crew.tally.troubles))
    trio.run(crew.work, seconds)
    print(f"saw {json.dumps(crew.tally.data())}", flush=True)  # noqa: T201 - who started us reads it


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
