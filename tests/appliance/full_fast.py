"""An image is built, and its board started once, until it has read: `make image-test-fast`, a part of `make test`."""

from __future__ import annotations

import re

from .board import Card
from .flashed import flashed, read, running, told


def test_a_board_is_flashed_and_reads(fresh: Card, device: int) -> None:
    life = flashed(fresh, "board.img", device)
    with running(life) as board:
        board.until(r"Address +https://ferrule-[2-9a-z]{4}\.local:3500")
        assert re.fullmatch(r"ferrule-[2-9a-hjkmnp-z]{4}", told(life, code=True)["host"])
        # By the name that is on the card, over TLS that is vouched for by the file on the card.
        tag = read(life)
        assert (tag["value"], tag["quality"]) == (4711, "good")
