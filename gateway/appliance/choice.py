"""``autoboot.txt``: which of the two systems the firmware starts, and whether that one is on trial."""

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
    return f"[all]\nboot_partition={_PARTITIONS[slot]}\n".encode()


def started_once(slot: Slot) -> bytes:
    """The next start takes this slot, and gives the one after it back to the other.

    The firmware reads the first two lines. The third one is for the initramfs of the image, which writes the file anew
    before it does anything else.
    """
    return started_always(slot) + f"# on trial, back to {_PARTITIONS[other(slot)]}\n".encode()
