"""Machines that an emulator does as if it were: which there are, and what each needs to be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """One model of QEMU's.

    Attributes:
        model: what decides its device tree: board, processor, memory.
        device_tree: its name on the card, as the firmware of that board would choose it; None: QEMU makes one.
        console: options for its serial ports, so that what the board says comes out where QEMU prints.
        drive: how the card is put in.
        devices: that are plugged in: the card's where the board has none, the network's (``lan``), and more.
        kernel: words for the kernel, behind those of the card.
    """

    model: tuple[str, ...]
    device_tree: str | None
    console: tuple[str, ...]
    drive: str
    devices: tuple[str, ...]
    kernel: tuple[str, ...]


# An emulated board on a busy machine is slower than any board; what systemd waits for by itself is meant for boards.
_PATIENT = ("systemd.default_timeout_start_sec=900", "systemd.default_device_timeout_sec=900")

# Nobody's board, and the quickest: what it has was made to be emulated.
VIRT = Machine(
    model=("-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024"),
    device_tree=None,
    console=("-serial", "stdio"),
    drive="if=none,id=card",
    devices=(
        *("-device", "virtio-blk-pci,drive=card,write-cache=on"),
        *("-device", "virtio-net-device,netdev=lan"),
        *("-device", "virtio-rng-device"),
        # The boards have no clock: each start begins long ago.
        *("-rtc", "base=2001-01-01T00:00:00"),
    ),
    kernel=_PATIENT,
)
# A Pi 3B with its own device tree and its own drivers: the card in its slot, the network by USB.
RASPI3B = Machine(
    model=("-M", "raspi3b"),
    device_tree="bcm2837-rpi-3-b.dtb",
    # The first serial port leads to Bluetooth there.
    console=("-serial", "null", "-serial", "stdio"),
    drive="if=sd",
    devices=("-device", "usb-net,netdev=lan"),
    # QEMU takes the setting of this watchdog for its end, and resets the board at once.
    kernel=(*_PATIENT, "systemd.watchdog_sec=0"),
)
# QEMU takes no other sizes for a card in a slot, in MiB.
SIZE_IN_SLOT = 2048
