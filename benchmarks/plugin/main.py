"""Asks the gateway at a pace when it is told to, and says in its log what came of it."""

from __future__ import annotations

import json
import math
import resource
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ferrule_plugin import (  # type: ignore[import-not-found] # it is packed with the kit
    Event,
    Message,
    Plugin,
    PluginError,
)

plugin = Plugin()
# What it asks for in turn, by the kind of load.
TURNS = {"read": ("read",), "mixed": (*["read"] * 4, "publish", *["read"] * 4, "send")}
# Two times that differ by less are the same: what is said of them has to fit into a line.
STEP = 1.1


def ask(turn: str, data: Mapping[str, Any], number: int) -> None:
    """Ask for one thing."""
    if turn == "read":
        plugin.read(data["tag"])
    elif turn == "publish":
        plugin.publish_reading(f"bench/{plugin.instance}", number)
    else:
        plugin.send(plugin.config["next"], "echo", {"number": number}, timeout=10)


def load(data: Mapping[str, Any]) -> None:
    """Ask for some seconds, one question at a time: ``rate`` a second, or with 0 as fast as it goes."""
    took: Counter[int] = Counter()
    refused = number = 0
    turns, rate = TURNS[data["kind"]], data["rate"]
    used, begun = processor(), time.perf_counter()
    due = begun
    while (now := time.perf_counter()) - begun < data["seconds"]:
        if rate:
            due += 1 / rate
            time.sleep(max(0.0, due - now))
        asked = time.perf_counter()
        try:
            ask(turns[number % len(turns)], data, number)
        except PluginError:
            refused += 1
        else:
            took[round(math.log(max(0.01, (time.perf_counter() - asked) * 1000), STEP))] += 1
        number += 1
    wall = time.perf_counter() - begun
    said = {"run": data["run"], "refused": refused, "cpu": round(processor() - used, 4), "wall": round(wall, 3)}
    plugin.log.info(json.dumps({**said, "took": took}, separators=(",", ":")))


def processor() -> float:
    """Seconds of it that were used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@plugin.on_start  # type: ignore[untyped-decorator] # as above
def ready() -> None:
    """What it is told from now on reaches it."""
    plugin.log.info("ready")


@plugin.on_event("bench:go")  # type: ignore[untyped-decorator] # as above
def go(event: Event) -> None:
    """Begin."""
    threading.Thread(target=load, args=(event.data,), daemon=True).start()


@plugin.on_message("echo")  # type: ignore[untyped-decorator] # as above
def echo(message: Message) -> object:
    """What the others ask."""
    return message.payload


plugin.run()
