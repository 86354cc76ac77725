"""The running gateway with a house full of agents, for minutes or days; ``python -m tests.drill soak`` runs it.

What is measured does not go through what is measured: readings are timed at a tap before a device, memory and processor
time in /proc, calls where they are made (``tests.e2e.crew``, a process of its own).
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.access.enrolment import DEFAULT_SCOPES, Enrolments
from gateway.access.keys import load_root_key
from tests.e2e.crew import APART_S, CAPABILITY, OFFERS, WRITERS
from tests.e2e.lookout import Lookout, Looks, Overseer, Polled, processor, waited
from tests.e2e.programs import FERRULE, ROOT, Program, free_port
from tests.e2e.siege import LEFT_BEHIND, WORST_AGE_S, plans
from tests.e2e.site import Site
from tests.e2e.tap import Tap

AGENTS = 100
MINUTES = 5.0
CALLS_PER_MINUTE = 900
# What agents are asked for; they are up to a tenth early.
HEARTBEAT_S = 30.0
EARLY = 0.95
# Before the agents come: what this machine makes of polling alone.
QUIET_S = 10.0
MINUTE_S = 60.0
# What the first agents cost once (a connection, a token, an entry each) is not growth.
SETTLED_S = 10.0
# Of the deadlines of tags. Where others have the processors while gateway and devices could run, nobody keeps them.
MISSED_SHARE = 0.02
WAITED_SHARE = 0.02
CROWDED = ": the machine was too busy to judge by deadlines"
REGISTERED_S = 60.0
LAST_ANSWERS_S = 60.0

# What a house of so many agents needs; everything else is as it is out of the box.
PROFILE = """[agents]
heartbeat = "{heartbeat:g}s"

[limits]
max_agents = {agents}
max_connections = {connections}
connections_per_address = {connections}
requests_per_minute = {calls}
burst = {burst}
total_requests_per_minute = {calls}
total_burst = {burst}
"""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak showed; times in seconds, memory in megabytes."""

    agents: int
    seconds: float
    quiet: Polled
    age: float
    polled: Polled
    processor: float
    waited: float
    looks: Looks
    seen: dict[str, Any]
    registered: tuple[int, int]
    services: int

    @property
    def calls(self) -> int:
        """Calls of agents that were answered, heartbeats included."""
        return sum(len(times) for times in self.seen["seconds"].values()) + int(self.seen["heartbeats"])

    @property
    def growth(self) -> float:
        """Megabytes from the first minute on, or from when it had settled in a short run."""
        return self.looks.memory[-1][1] - self.looks.memory_at(min(MINUTE_S, max(SETTLED_S, self.seconds / 2)))

    @property
    def crowded(self) -> bool:
        """Whether this machine was too busy with other things to judge by deadlines."""
        return self.waited > WAITED_SHARE * self.seconds

    def late(self) -> list[str]:
        """What may come of a machine that is too busy with other things, and of nothing else."""
        promises = {
            f"the oldest reading came to {self.age:.2f} s": self.age <= WORST_AGE_S,
            f"deadlines missed: {self.polled}": self.polled.share <= MISSED_SHARE or self.crowded,
        }
        slips: list[str] = self.seen["slips"]
        return [words for words, kept in promises.items() if not kept] + slips

    def faults(self) -> list[str]:
        """The other promises that were broken."""
        offered = len([number for number in range(WRITERS, self.agents) if number % OFFERS == 0])
        promises = {
            f"memory grew by {self.growth:.1f} MB": self.growth <= LEFT_BEHIND,
            f"{self.registered} of {self.agents} agents are active and healthy at the end": self.registered
            == (self.agents, self.agents),
            f"{self.services} of {offered} services are announced at the end": self.services == offered,
            f"only {self.calls} calls": self.calls >= 0.85 * CALLS_PER_MINUTE * self.seconds / MINUTE_S,
            "governors or health were never looked at": self.looks.number >= self.seconds / 4,
            "no write was confirmed, or no conflict was told": self.seen["outcomes"].get("confirmed", 0) > 0
            and self.seen["conflicts"] > 0,
        }
        troubles: list[str] = self.seen["troubles"]
        return [words for words, kept in promises.items() if not kept] + troubles + self.looks.broken

    def __str__(self) -> str:
        everything = [seconds for times in self.seen["seconds"].values() for seconds in times]
        minute = MINUTE_S / self.seconds
        beats = int(self.seen["heartbeats"])
        kinds = [f"{kind}: {_spread(times)}" for kind, times in sorted(self.seen["seconds"].items())]
        rows = [
            f"{self.agents} agents for {self.seconds:.0f} s, {minute * self.calls:.0f} calls a minute",
            f"heartbeats: {minute * beats:.0f} a minute of these",
            f"all other calls: {_spread(everything)}",
            *kinds,
            f"writes: {_counted(self.seen['outcomes'])}",
            f"refused calls: {_counted(self.seen['refused'])}; {self.seen['conflicts']} since another has the lease",
            f"before the agents came: {self.quiet}",
            f"with them: {self.polled}; worst age of a reading {1000 * self.age:.0f} ms",
            f"memory: {self._memory()}; growth {self.growth:+.1f} MB",
            (
                f"processor: {100 * self.processor / self.seconds:.1f} % of a core; gateway and devices waited for one "
                f"{100 * self.waited / self.seconds:.1f} % of the time" + (CROWDED if self.crowded else "")
            ),
            f"{self.looks.number} looks at governors and health: overall {_between(self.looks.healths)}",
            f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        ]
        return "\n    ".join(rows)

    def _memory(self) -> str:
        minutes = [MINUTE_S * minute for minute in range(1, int(self.seconds // MINUTE_S) + 1)]
        told = [f"{self.looks.memory_at(SETTLED_S):.1f} MB after {SETTLED_S:g} s"]
        told += [f"{self.looks.memory_at(at):.1f} after {at / MINUTE_S:.0f} min" for at in minutes]
        return ", ".join([*told, f"{self.looks.memory[-1][1]:.1f} at the end"])


def _spread(times: Sequence[float]) -> str:
    ranked = sorted(times)
    middle, most = ranked[len(ranked) // 2], ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))]
    return f"{len(ranked)}, p50 {1000 * middle:.0f} ms, p99 {1000 * most:.0f} ms, slowest {1000 * ranked[-1]:.0f} ms"


def _between(figures: Sequence[int]) -> str:
    return f"{min(figures)} to {max(figures)}" if figures else "never told"


def _counted(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(numbers.items())) or "none"


def enrol(site: Site, agents: int) -> Path:
    """Enrol agents as ``ferrule agents enrol`` does, before the gateway is started; where what it prints is kept."""
    directory = site.directory / "agents"
    directory.mkdir()
    enrolments = Enrolments(load_root_key(site.state), time.time)
    for number in range(agents):
        scopes = DEFAULT_SCOPES | ({"devices:write"} if number < WRITERS else set())
        made = enrolments.issue(f"agent-{number:03}", scopes=scopes)
        kept = {"agentId": made.agent_id, "kid": made.kid, "secret": made.secret, "token": made.token}
        (directory / f"{made.agent_id}.json").write_text(json.dumps(kept))
    return directory


@contextmanager
def housed(directory: Path, agents: int, heartbeat: float) -> Iterator[tuple[Site, Tap, Path, Program]]:
    """A gateway on the demo's lines, polled every 100 ms, with room for so many agents, and their enrolments."""
    device = free_port()
    tap = Tap(device)
    site = Site(directory / "site")
    config, devices = plans(directory, tap.port, device)
    # At 100 ms for all its devices the serial line would be full to the brim.
    config = config.replace('name = "temperature"\npoll = "100ms"', 'name = "temperature"\npoll = "250ms"')
    profile = PROFILE.format(
        heartbeat=heartbeat,
        agents=agents,
        connections=2 * agents + 50,
        calls=4 * CALLS_PER_MINUTE,
        burst=4 * agents,
    )
    config = re.sub(r"\[limits\]\n.*?\n\n", profile + "\n", config, count=1, flags=re.DOTALL)
    assert profile in config
    plan = directory / "devices.toml"
    plan.write_text(devices)
    site.config.write_text(config)
    enrolments = enrol(site, agents)
    field_side = Program([FERRULE, "simulate", plan, "--directory", directory], site.prints)
    try:
        field_side.line("serving")
        gateway = site.start()
        gateway.awaits("plant/inverter/power", quality="good")
        gateway.awaits("rs485/meter/power", quality="good")
        yield site, tap, enrolments, field_side
        gateway.hang_up()
        assert gateway.stop() == 0
        assert "connection ended by a fault" not in gateway.stderr, gateway.stderr
    finally:
        for each in site.gateways:
            each.hang_up()
            each.kill()
        field_side.kill()
        tap.close()


def soak(directory: Path, agents: int, seconds: float) -> Soaked:
    """Let agents work for so long; says what that did to the gateway."""
    heartbeat = min(HEARTBEAT_S, seconds / 4)
    pace = MINUTE_S * agents / (CALLS_PER_MINUTE - MINUTE_S * agents / (EARLY * heartbeat))
    with housed(directory, agents, heartbeat) as (site, tap, enrolments, devices):
        gateway = site.gateways[-1]
        both = gateway.process.pid, devices.process.pid
        overseer = Overseer(gateway)
        before = overseer.devices()
        time.sleep(min(QUIET_S, seconds / 4))
        quiet = overseer.polled_since(before)
        words = [gateway.url, str(gateway.state / "ca.pem"), str(enrolments), str(pace), str(seconds)]
        crew = Program([sys.executable, "-m", "tests.e2e.crew", *words], site.prints, cwd=ROOT)
        lookout = None
        try:
            crew.line("registered", seconds=REGISTERED_S + APART_S * agents)
            before, used, delayed = overseer.devices(), processor(gateway), waited(*both)
            tap.forget()
            lookout = Lookout(gateway, overseer)
            seen = json.loads(crew.line("saw ", seconds=seconds + LAST_ANSWERS_S).removeprefix("saw "))
            age, used, delayed = tap.worst(), processor(gateway) - used, waited(*both) - delayed
        finally:
            looks = None if lookout is None else lookout.back()
            crew.kill()
        assert looks is not None
        polled = overseer.polled_since(before)
        counts = overseer.call("server.health")["agents"]
        healthy = (counts["active"], counts["healthy"])
        services = overseer.call("discovery.services", {"capability": CAPABILITY})["total"]
        overseer.close()
        return Soaked(agents, seconds, quiet, age, polled, used, delayed, looks, seen, healthy, services)


def drill(agents: int = AGENTS, minutes: float = MINUTES) -> str:
    """Soak for so long.

    Raises:
        AssertionError: a promise was broken.
    """
    with tempfile.TemporaryDirectory() as directory:
        found = soak(Path(directory), agents, MINUTE_S * minutes)
    faults = found.faults() + found.late()
    assert not faults, f"{len(faults)} promises broken, e.g. {'; '.join(faults[:10])}\n    {found}"
    return str(found)


if __name__ == "__main__":
    print(drill(int(sys.argv[1]), float(sys.argv[2])))  # noqa: T201 - a drill reports
