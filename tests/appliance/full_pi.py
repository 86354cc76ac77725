"""The image as the SD card of an emulated Pi, with that board's own device tree and drivers: part of `make image-test`.

What this machine cannot prove is what only a Pi has: the firmware itself, its radio, its watchdog, its lights.
"""

from __future__ import annotations

import re

from image.disk import MIB

from .board import Card
from .flashed import flashed, read, running, told
from .machines import RASPI3B, SIZE_IN_SLOT


def test_a_pi_is_flashed_and_reads(fresh: Card, device: int) -> None:
    life = flashed(fresh, "pi.img", device)
    life.card.grow(SIZE_IN_SLOT - life.card.path.stat().st_size // MIB)
    with running(life, RASPI3B):
        assert life.run("cat", "/proc/device-tree/model").startswith("Raspberry Pi 3 Model B")
        # The card is in the slot of the board, and what is the board's own took the room there was.
        source, size = life.run("findmnt", "--bytes", "-no", "SOURCE,SIZE", "/data").split()
        assert re.fullmatch(r"/dev/mmcblk\dp7", source)
        assert int(size) > 512 * MIB
        assert re.fullmatch(r"ferrule-[2-9a-hjkmnp-z]{4}", told(life, code=True)["host"])
        tag = read(life)
        assert (tag["value"], tag["quality"]) == (4711, "good")
