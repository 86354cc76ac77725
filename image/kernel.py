"""The kernel of a slot: what the firmware loads, and the drivers the system takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from image.compose import Tree
from image.debs import Deb, unpack
from image.modules import Modules
from systemd.debian.run import run

# Drivers of things that nobody plugs into a gateway; a third of all.
_LEFT_OUT = (
    "drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/iio", "drivers/staging", "drivers/ata",
    "drivers/nvme", "drivers/target", "drivers/scsi", "drivers/crypto", "drivers/hid", "drivers/input", "sound",
)  # fmt: skip
# Boards by the names that Debian's kernel gives their device trees.
_BOARDS = ("bcm2837-rpi-", "bcm2711-rpi-", "bcm2712-rpi-")
# Programs of the graphics processor, which starts the board.
FIRMWARE = ("start.elf", "fixup.dat", "start4.elf", "fixup4.dat")
FIRST_STAGE = "bootcode.bin"


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel, unpacked.

    Attributes:
        release: what ``uname -r`` says.
        image: what the firmware loads.
        device_trees: contents by name, of the boards.
        modules: its drivers.
        directory: where these lie on this machine.
    """

    release: str
    image: bytes
    device_trees: dict[str, bytes]
    modules: Modules
    directory: Path


def kernel(deb: Deb, scratch: Path) -> Kernel:
    """Unpack a kernel, without the drivers nobody needs, and tell depmod.

    Args:
        deb: its package.
        scratch: a directory that does not exist yet.
    """
    unpack(deb.path, scratch)
    [image] = (scratch / "boot").glob("vmlinuz-*")
    release = image.name.removeprefix("vmlinuz-")
    modules = scratch / "usr/lib/modules" / release
    for name in _LEFT_OUT:
        shutil.rmtree(modules / "kernel" / name)
    (scratch / "lib").symlink_to("usr/lib")
    run(["depmod", "-b", scratch, release])
    trees = scratch / f"usr/lib/linux-image-{release}/broadcom"
    found = {path.name: path.read_bytes() for path in sorted(trees.glob("*.dtb")) if path.name.startswith(_BOARDS)}
    return Kernel(release, image.read_bytes(), found, Modules(modules), modules)


def add_modules(kernel: Kernel, tree: Tree) -> None:
    """Put the drivers into a slot."""
    tree.add(kernel.directory, f"usr/lib/modules/{kernel.release}", without=("build", "source"))
