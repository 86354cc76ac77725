"""The small system that a kernel starts with: one shell, the drivers of the card, and what is in ``initramfs/``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from image import cpio
from image.modules import Modules

HERE = Path(__file__).parent / "initramfs"
# Cards of the boards (sdhost, eMMC), disks of the machine that tests, and the file systems on them.
DRIVERS = [
    "bcm2835_dma",
    "bcm2835",
    "sdhci_iproc",
    "mmc_block",
    "virtio_mmio",
    "virtio_pci",
    "virtio_blk",
    "crc32c_generic",
    "ext4",
    "squashfs",
    "overlay",
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "bcm2835_wdt",
]
_FOLDERS = ("bin", "dev", "proc", "sys", "run", "newroot", "selector", "lib", "lib/modules")


def initramfs(modules: Modules, busybox: bytes, build_id: str) -> bytes:
    """The archive, not yet compressed.

    Args:
        modules: of the kernel that it is for.
        busybox: the shell and its tools, statically linked.
        build_id: of the system that belongs to it.
    """
    return cpio.archive(list(_entries(modules, busybox, build_id)))


def _entries(modules: Modules, busybox: bytes, build_id: str) -> Iterator[cpio.Entry]:
    yield from map(cpio.folder, _FOLDERS)
    yield cpio.device("dev/console", 5, 1)
    yield cpio.file("bin/busybox", busybox, runs=True)
    yield cpio.link("bin/sh", "busybox")
    for name in ("init", "identity"):
        yield cpio.file(name, (HERE / name).read_bytes(), runs=True)
    yield cpio.file("build-id", f"{build_id}\n".encode())
    order = []
    for path in modules.load_order(DRIVERS):
        name = f"lib/modules/{Path(path).name.removesuffix('.xz')}"
        yield cpio.file(name, modules.read(path))
        order.append(f"/{name}\n")
    yield cpio.file("lib/modules/order", "".join(order).encode())
