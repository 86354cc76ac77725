"""``autoboot.txt``: which of the two systems the firmware starts, and whether that one is on trial.

The firmware reads the first two lines. The third one is for the initramfs of the image, which writes the file anew
before it does anything else. It always has the same length, and lies in one sector: what a power cut leaves is the
old text or the new one, which no file that takes the place of another can promise on FAT.
"""

from __future__ import annotations

from gateway.appliance.update_state import Slot

AUTOBOOT = "autoboot.txt"
# Partitions that the firmware loads a kernel from.
_PARTITIONS: dict[Slot, int] = {"a": 2, "b": 3}


def other(slot: Slot) -> Slot:
    """The slot that does not run."""
    return "b" if slot == "a" else "a"


def started_always(slot: Slot) -> bytes:
    """Every start takes this slot."""
    number = _PARTITIONS[slot]
    return f"[all]\nboot_partition={number}\n# was tried, now on {number}\n".encode()


def started_once(slot: Slot) -> bytes:
    """The next start takes this slot, and gives the one after it back to the other."""
    return f"[all]\nboot_partition={_PARTITIONS[slot]}\n# on trial, back to {_PARTITIONS[other(slot)]}\n".encode()
