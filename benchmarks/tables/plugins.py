"""What plugins cost: calls of many sandboxed instances while lines poll, beside bare pipes to the same program."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.programs import Options, measured, python
from benchmarks.report import Table
from benchmarks.rounds import Results, Sample, interleave
from benchmarks.tables.plugin_site import LINES, TAGS, Ecosystem, ecosystem, files, quantile

INSTANCES, PLUGINS = 20, 4
SECONDS = 8.0
# Calls a second of each instance; 0: as many as it gets answered.
PACED = 5.0
OURS, BARE = "ferrule", "bare pipes"
# Name of a run, what is asked for, and how fast.
RUNS = (("read paced", "read", PACED), ("read", "read", 0.0), ("mixed paced", "mixed", PACED), ("mixed", "mixed", 0.0))


def run(options: Options) -> list[Table]:
    """Load one gateway with all its instances, in rounds with the peer."""
    count, plugins, seconds = (2, 2, 0.5) if options.tiny else (INSTANCES, PLUGINS, SECONDS * options.seconds)
    rounds = 1 if options.tiny else options.rounds
    with tempfile.TemporaryDirectory(prefix="ferrule-plugins-") as place:
        home = Path(place)
        package = home / "package"
        for name, content in files().items():
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_bytes(content)
        with ecosystem(options.build, home, 1 if options.tiny else LINES) as site:
            memory = {"polling, no plugin": site.process.memory()}
            alone = partial(_idle, site, seconds)
            before = interleave({OURS: alone}, rounds)
            for number in range(plugins):
                site.publish(number, plugins)
            for number in range(count):
                site.install(number % plugins)
                if not number:
                    memory["the first instance runs"] = site.process.memory()
            site.await_active()
            memory[f"{count} instances run"] = site.process.memory()
            contestants: dict[str, Callable[[], Sample]] = {
                OURS: partial(_ours, site, seconds),
                BARE: partial(_bare, package, count, seconds),
            }
            results = interleave(contestants, rounds)
            memory["after all calls"] = site.process.memory()
            own, resident = site.memory()
            degraded = site.degraded()
    return [_calls(results, before, count), _taken(memory, own, resident, degraded)]


def _idle(site: Ecosystem, seconds: float) -> Sample:
    missed, cpu, began = site.missed(), site.cpu(), time.monotonic()
    time.sleep(seconds)
    return {"core": (site.cpu() - cpu) / (time.monotonic() - began), "missed": site.missed() - missed}


def _ours(site: Ecosystem, seconds: float) -> Sample:
    idle = _idle(site, seconds)
    sample: dict[str, float] = {f"{key} nothing": value for key, value in idle.items()}
    for name, kind, rate in RUNS:
        missed, cpu, began = site.missed(), site.cpu(), time.monotonic()
        heard = site.load(kind, seconds, rate)
        # What it does anyway is no part of what a call costs.
        used = site.cpu() - cpu - idle["core"] * (time.monotonic() - began)
        sample |= {
            f"missed {name}": site.missed() - missed,
            f"us {name}": used / heard.calls * 1e6,
            f"theirs {name}": heard.cpu / heard.calls * 1e6,
            f"rate {name}": heard.calls / heard.wall,
            f"p50 {name}": heard.quantile(0.5),
            f"p99 {name}": heard.quantile(0.99),
            f"refused {name}": heard.refused,
        }
    return sample


def _bare(package: Path, count: int, seconds: float) -> Sample:
    sample: dict[str, float] = {}
    for name, kind, rate in RUNS:
        if kind == "read":
            said = measured(python("pipes_bare", package, count, seconds, rate), urgent=False)
            took = {int(step): int(number) for step, number in said.pop("took").items()}  # type: ignore[attr-defined] # a table
            sample |= {
                f"us {name}": said["cpu"] / said["calls"] * 1e6,
                f"theirs {name}": said["theirs"] / said["calls"] * 1e6,
                f"rate {name}": said["calls"] / said["wall"],
                f"p50 {name}": quantile(took, 0.5),
                f"p99 {name}": quantile(took, 0.99),
            }
    return sample


def _calls(results: Results, before: Results, count: int) -> Table:
    deadlines = f"{LINES} TCP lines with {TAGS} tags each were polled every 100 ms"
    table = Table(
        f"Calls of {count} instances in their sandboxes while lines poll",
        (
            "load",
            "calls/s",
            "us CPU/call",
            "noise",
            "us of the plugin",
            "p50 ms",
            "p99 ms",
            "refused",
            "deadlines missed",
        ),
        notes=(
            f"{deadlines}; what that takes ({before.of(OURS, 'core'):.1%} of a core without plugins,",
            f"{results.of(OURS, 'core nothing'):.1%} with instances that ask for nothing) is taken off. Refused is",
            "what was beyond the messages a plugin may write (600 a minute); deadlines are the most of any round.",
        ),
    )
    table.add("no instance", "", "", "", "", "", "", "", f"{before.most(OURS, 'missed'):.0f}")
    table.add("instances ask for nothing", "", "", "", "", "", "", "", f"{results.most(OURS, 'missed nothing'):.0f}")
    for name, kind, rate in RUNS:
        words = {"read": "tag.read", "mixed": "8 tag.read, 1 reading.publish, 1 message with its answer"}[kind]
        paced = f", {rate:g}/s each" if rate else ", one after the other"
        for contestant in (OURS, BARE) if kind == "read" else (OURS,):
            ours = contestant == OURS
            table.add(
                words + paced if ours else f"{words}{paced}: bare pipes",
                f"{results.of(contestant, f'rate {name}'):.0f}",
                f"{results.of(contestant, f'us {name}'):.0f}",
                f"±{results.spread(contestant, f'us {name}'):.0%}",
                f"{results.of(contestant, f'theirs {name}'):.0f}",
                f"{results.of(contestant, f'p50 {name}'):.1f}",
                f"{results.of(contestant, f'p99 {name}'):.1f}",
                f"{results.most(OURS, f'refused {name}'):.0f}" if ours else "",
                f"{results.most(OURS, f'missed {name}'):.0f}" if ours else "",
            )
    return table


def _taken(memory: dict[str, float], own: float, resident: float, degraded: list[str]) -> Table:
    table = Table(
        "Resident memory with plugins",
        ("of", "MB"),
        notes=(
            "An instance is bubblewrap, twice, and Python with the kit. Here it is not protected from what is called",
            f"{', '.join(degraded) or 'nothing'}.",
        ),
    )
    for moment, size in memory.items():
        table.add(f"the gateway, {moment}", f"{size:.1f}")
    table.add("an instance, its own alone", f"{own:.1f}")
    table.add("an instance, with what all share", f"{resident:.1f}")
    return table
