"""What a board takes: bytes written to its card in a day, memory, time to the first reading. Part of `make image-test`.

A hundred tags that never say the same twice, read each second, for so many minutes as ``$FERRULE_MINUTES`` says. The
gateway counts what it writes, and keeps that within its budget for a day; the card gets more, for the file system has
words of its own to write. How much more is measured, and so what a whole budget is to the card.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .board import Card
from .flashed import Life, ask, flashed, read, running, say, token
from .site import HOST_SEEN_FROM_BOARD, free_port, simulating

MINUTES = float(os.environ.get("FERRULE_MINUTES", "20"))
# After a first start much is written once.
SETTLES_S = 180.0
DEVICES, TAGS = 5, 20
# `[storage] write_budget`, in bytes a day, and how many bytes may come to the card for each of them.
BUDGET, MOST = 200_000_000, 3
MEMORY = 512 * 1024 * 1024
SECTOR = 512


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[int]:
    """Devices on this machine whose registers change all the time, and their port."""
    port = free_port()
    tables = [f'[[line]]\nname = "hall"\ntransport = "tcp"\ntcp_port = {port}\n']
    for unit in range(1, DEVICES + 1):
        points = [
            f'  {{ name = "t{at}", table = "holding", address = {at}, type = "uint16", signal = {_noise(unit, at)} }}'
            for at in range(TAGS)
        ]
        tables.append(_device(unit, "point", points))
    with simulating(tmp_path, "\n".join(tables)):
        yield port


def configuration(port: int) -> str:
    """What the technician writes for them."""
    line = f'[[line]]\nname = "hall"\ntransport = "tcp"\nhost = "{HOST_SEEN_FROM_BOARD}"\ntcp_port = {port}\n'
    tables = ['[server]\nbind = "private"\n', line]
    for unit in range(1, DEVICES + 1):
        tags = [f'  {{ name = "t{tag}", table = "holding", address = {tag}, type = "uint16" }}' for tag in range(TAGS)]
        tables.append(_device(unit, "tag", tags))
    return "\n".join(tables)


def _device(unit: int, kind: str, rows: list[str]) -> str:
    inside = ",\n".join(rows)
    return f'[[line.device]]\nname = "plc{unit}"\nunit = {unit}\n{kind} = [\n{inside},\n]\n'


def _noise(unit: int, tag: int) -> str:
    return f'{{ kind = "noise", mean = 30000, amplitude = 30000, seed = {unit * TAGS + tag} }}'


def test_a_board_spares_its_card_and_its_memory(fresh: Card, changing: int) -> None:
    life = flashed(fresh, "figures.img", changing)
    life.card.write("ferrule.toml", configuration(changing))
    begun = time.monotonic()
    with running(life):
        answered = time.monotonic()
        assert read(life, "hall/plc1/t0")["quality"] == "good"
        say(f"from the kernel to the first answer {answered - begun:.0f} s, to the reading {since(begun):.0f} s")
        ready = life.run("systemctl show --value --property=ActiveEnterTimestampMonotonic ferrule.service")
        say(f"by the board's own clock the gateway was ready after {int(ready) / 1e6:.0f} s")
        time.sleep(SETTLES_S)
        bearer = token(life)
        before, since_then = written(life, bearer), time.monotonic()
        time.sleep(60 * MINUTES)
        after, lasted = written(life, bearer), since(since_then)
        came = {name: after[name] - before[name] for name in after}
        times = came["vda"] / came["gateway"]
        say(f"written in {lasted / 60:.0f} minutes: {came}, {times:.1f} times what the gateway counts")
        say(f"to the card in a day: {times * BUDGET / 1e6:.0f} MB for the whole budget")
        memory = {
            name: int(value) * 1024
            for name, value in re.findall(r"^(\w+): +(\d+) kB", life.run("cat", "/proc/meminfo"), re.MULTILINE)
        }
        taken = memory["MemTotal"] - memory["MemAvailable"]
        gateway = re.findall(r"^Pss: +(\d+) kB", life.run(_PSS), re.MULTILINE)
        of_gateway = int(gateway[0]) // 1024
        say(f"memory: {taken // 2**20} MiB of {memory['MemTotal'] // 2**20}, of it the gateway {of_gateway}")
    life.card.path.unlink()
    # Nothing but what is the board's own is written to at all.
    assert {name for name, number in came.items() if number} == {"vda", "vda7", "gateway"}
    assert times <= MOST
    assert taken < MEMORY


_PSS = "cat /proc/$(systemctl show --value --property=MainPID ferrule.service)/smaps_rollup"


def written(life: Life, bearer: str) -> dict[str, int]:
    """Bytes that were written since the start, to the card and its partitions, and by the gateway as it counts them."""
    rows = life.run("grep . /sys/class/block/vda/stat /sys/class/block/vda[0-9]*/stat").splitlines()
    found = (re.fullmatch(r"/sys/class/block/(\w+)/stat: *(.*)", row) for row in rows)
    counted = {row[1]: int(row[2].split()[6]) * SECTOR for row in found if row is not None}
    return {**counted, "gateway": ask(life, bearer, "server.health")["storage"]["writtenToday"]}


def since(moment: float) -> float:
    """Seconds that have passed."""
    return time.monotonic() - moment
