"""The long proofs: a day of simulated field, ten million fuzzed frames, stores killed over and over, a siege, a soak.

``python -m tests.drill`` runs them all, each part in a process of its own, as many at once as there are cores.
``python -m tests.drill sim --seed N --minutes M`` replays one simulation; ``governors`` plays the fault drill and draws
docs/figures.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio
from structlog.testing import capture_logs

from tests.drivers.modbus.fuzz_frames import fuzz
from tests.e2e import outbox_trouble, soak
from tests.e2e.described import drill as hold_to_description
from tests.e2e.outbox_drill import drill as lose_nothing
from tests.e2e.siege import drill as besiege
from tests.gateway.api.crowd import drill as crowd
from tests.gateway.governor.rates import drill as detect
from tests.gateway.storage.event_disk import library, memory_directory
from tests.gateway.storage.event_faults import fail_everywhere
from tests.gateway.storage.event_kill import drill as kill_events
from tests.gateway.storage.event_power import cut_everywhere
from tests.gateway.storage.test_kill import drill as kill_store
from tests.sim.fault_drill import drill as play
from tests.sim.run import Report, simulate

WHAT = ("all", "sim", "frames", "store", "events", "server", "soak", "governors", "detector", "api")
FRAMES = 10_000_000
FRAME_PARTS = 20
KILLS = 200
# Rounds of work under which the power is cut; times the disk is filled.
POWER_ROUNDS = 10
FILLS = 10
CROWD = 2000
CAP = 500
# Seconds of each assault on the gateway.
ASSAULT_S = 5.0
HOURS = 24.0
# Requests made of the description of the API.
EXAMPLES = 2000
FIGURES = Path(__file__).parents[1] / "docs" / "figures"
# A day is run as plants of two hours, each with a seed of its own: as much virtual time, and twelve plants of it.
SIM_PART_MINUTES = 120.0


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of work for one process; ``work`` returns the sentence that says what it proved.

    What measures time runs ``alone``, before all others.
    """

    name: str
    work: Callable[[], str]
    alone: bool = False


def simulated(seed: int, minutes: float) -> str:
    report = simulate(seed, minutes)
    return describe(report)


def describe(report: Report) -> str:
    numbers = ", ".join(f"{name} {value:g}" for name, value in report.numbers.items())
    tally = ", ".join(f"{kind} {number}" for kind, number in sorted(report.tally.items()))
    return (
        f"{report.minutes:g} virtual minutes of plant {report.seed} in {report.real_s:.0f} s, no promise broken\n"
        f"    {numbers}\n    {tally}\n    digest {report.digest[:16]}"
    )


def fuzzed(seed: int, frames: int) -> str:
    answered = fuzz(seed, frames)
    return f"{frames} exchanges with damaged frames, {answered} answered, every answer intact"


def killed(kills: int, seed: int) -> str:
    found = kill_store(kills, seed=seed)
    assert not found.lost, f"acknowledged and lost: {found}"
    assert not found.corrupt, f"corrupt after a kill: {found}"
    return f"{kills} kills of a writing store, {found.acknowledged} facts acknowledged, none lost, no file corrupt"


def event_parts(seed: int, kills: int) -> list[Part]:
    return [
        Part(f"events, gateway killed, seed {seed}", partial(lose_nothing, kills, seed)),
        Part(f"events, store killed, seed {seed}", partial(events_killed, kills, seed)),
        Part(f"events, power cut, seed {seed}", partial(events_cut, POWER_ROUNDS, seed)),
        Part("events, disk failing", events_failed),
        Part(f"events, disk full, seed {seed}", partial(outbox_trouble.full_disk, FILLS, seed)),
        Part(f"events, file damaged, seed {seed}", partial(outbox_trouble.damaged, seed)),
    ]


def events_killed(kills: int, seed: int) -> str:
    found = kill_events(kills, seed=seed)
    assert (found.lost, found.ahead, found.corrupt, found.news) == ([], 0, 0, []), f"{found}"
    taken = ", ".join(f"{number} of kind {kind}" for kind, number in sorted(found.acknowledged.items()))
    return (
        f"{found.kills} kills of a store of events under load, acknowledged {taken}: none lost, no cursor ahead of "
        f"what is recorded, no file corrupt; {found.dropped} steps of room meanwhile"
    )


def events_cut(rounds: int, seed: int) -> str:
    _beneath_sqlite()
    with memory_directory() as directory:
        survived = trio.run(cut_everywhere, directory, rounds, seed)
    assert (survived.broken, survived.ahead, survived.corrupt) == ([], 0, 0), f"{survived}"
    assert survived.careless == survived.acknowledged, "the cuts would not find a missing sync"
    return (
        f"{survived.cuts} power cuts after every write, what was not synced lost, torn or reordered: "
        f"{survived.acknowledged} promises, none broken (all {survived.careless} would be, were nothing synced)"
    )


def events_failed() -> str:
    _beneath_sqlite()
    # Each failure is told, and there are hundreds.
    with memory_directory() as directory, capture_logs():
        found = trio.run(fail_everywhere, directory)
    return (
        f"every one of {found.calls} calls to the disk made to fail, alone or with all after it: {found.failed} "
        f"failed, {found.refused} steps refused for it, everything there once in the end"
    )


def _beneath_sqlite() -> None:
    assert library() is not None, "this Python's SQLite is linked statically: use one whose libsqlite3 is a library"


def server_parts(seconds: float) -> list[Part]:
    return [Part("siege", partial(besiege, seconds), alone=True), Part("server", partial(crowd, CROWD, CAP))]


def soak_parts(agents: int, minutes: float) -> list[Part]:
    return [Part("soak", partial(soak.drill, agents, minutes), alone=True)]


def governor_parts(seed: int) -> list[Part]:
    # The figures that are kept are those of the first seed.
    return [Part("governors", partial(play, seed, FIGURES if seed == 1 else None))]


def detector_parts(processes: int) -> list[Part]:
    return [Part("detector", partial(detected, processes))]


def detected(processes: int) -> str:
    return f"how often the detector is wrong\n{detect(processes=processes)}"


def api_parts(examples: int, seed: int) -> list[Part]:
    return [Part("api", partial(hold_to_description, examples, seed))]


def sim_parts(seed: int, minutes: float) -> list[Part]:
    parts = []
    while minutes > 0:
        length = min(minutes, SIM_PART_MINUTES)
        parts.append(Part(f"sim seed {seed}", partial(simulated, seed, length)))
        minutes, seed = minutes - length, seed + 1
    return parts


def frame_parts(seed: int, frames: int) -> list[Part]:
    each = max(1, frames // FRAME_PARTS)
    return [Part(f"frames seed {seed + n}", partial(fuzzed, seed + n, each)) for n in range(FRAME_PARTS)]


def store_parts(seed: int, kills: int) -> list[Part]:
    return [Part(f"store seed {seed}", partial(killed, kills, seed))]


def timed(part: Part) -> tuple[bool, str]:
    began = time.perf_counter()
    try:
        words = part.work()
    except Exception as failure:  # noqa: BLE001 - reported with its trace, and the other parts go on
        trace = "" if isinstance(failure, AssertionError) and failure.args else traceback.format_exc()
        return False, f"FAILED {part.name}: {failure}\n{trace}"
    return True, f"{part.name} ({time.perf_counter() - began:.0f} s): {words}"


def run(parts: list[Part], processes: int) -> int:
    """Run all parts and say what each proved. Returns the exit code."""
    failed = 0
    for part in [part for part in parts if part.alone]:
        failed += not told(*timed(part))
    with ProcessPoolExecutor(processes) as pool:
        for done in as_completed([pool.submit(timed, part) for part in parts if not part.alone]):
            failed += not told(*done.result())
    print(f"{len(parts) - failed} of {len(parts)} parts proved" + (f", {failed} FAILED" if failed else ""), flush=True)  # noqa: T201 - a drill reports
    return 1 if failed else 0


def told(proved: bool, words: str) -> bool:  # noqa: FBT001 - passed on
    print(words, flush=True)  # noqa: T201 - a drill reports
    return proved


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=WHAT)
    parser.add_argument("--seed", type=int, default=1, help="of the first part; each further one takes the next")
    parser.add_argument("--minutes", type=float, help="virtual minutes of one plant, to replay what was reported")
    parser.add_argument("--hours", type=float, default=HOURS, help="virtual hours, in plants of two hours")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="requests made of the description")
    parser.add_argument("--assault", type=float, default=ASSAULT_S, help="seconds of each assault on the gateway")
    parser.add_argument("--agents", type=int, default=soak.AGENTS, help="of the soak")
    parser.add_argument("--soak-minutes", type=float, default=soak.MINUTES)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    given = arguments(words)
    parts: list[Part] = []
    if given.what in {"all", "store"}:
        parts += store_parts(given.seed, given.kills)
    if given.what in {"all", "events"}:
        parts += event_parts(given.seed, given.kills)
    if given.what in {"all", "server"}:
        parts += server_parts(given.assault)
    if given.what in {"all", "soak"}:
        parts += soak_parts(given.agents, given.soak_minutes)
    if given.what in {"all", "governors"}:
        parts += governor_parts(given.seed)
    if given.what in {"all", "detector"}:
        parts += detector_parts(given.processes)
    if given.what in {"all", "api"}:
        parts += api_parts(given.examples, given.seed)
    if given.what in {"all", "sim"}:
        if given.minutes is not None:
            parts.append(Part(f"sim seed {given.seed}", partial(simulated, given.seed, given.minutes)))
        else:
            parts += sim_parts(given.seed, 60.0 * given.hours)
    if given.what in {"all", "frames"}:
        parts += frame_parts(given.seed, given.frames)
    return run(parts, given.processes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
