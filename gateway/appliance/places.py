"""Where a board that was flashed says what it is: below ``/run`` by the initramfs, in the slot by the image.

Nothing is imported here: the network waits for one of those who read this.
"""

from __future__ import annotations

from pathlib import Path

# Of the initramfs, below /run: which of the two systems runs; there while it is on trial; links to the partitions.
FOUND = Path("ferrule-card")
SLOT = FOUND / "slot"
ON_TRIAL = FOUND / "on-trial"
# Of the image: what is in the slot that runs.
SYSTEM = Path("/usr/lib/ferrule/system.json")
