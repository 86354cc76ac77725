"""The card: which partitions it has, and how their bytes are written without mounting anything.

A table as the first boards' ROM reads it (MBR). The firmware reads the first partition, and takes one of the next two.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from image.tools import Tools

SECTOR = 512
MIB = 1024 * 1024
# Numbers that tell partitions apart where there are several cards: fixed, so that the same inputs give the same bytes.
DISK_ID = 0x46455252
SELECTOR_LABEL = "FERRULE"
_DATA_UUID = "46455252-7562-4c65-8461-746100000007"


@dataclass(frozen=True, slots=True)
class Partition:
    """One of the table's.

    Attributes:
        number: as the kernel counts them.
        size: in MiB.
        kind: of the table: c for FAT, 83 for Linux.
    """

    number: int
    size: int
    kind: str


SELECTOR = Partition(1, 64, "c")
BOOT_A, BOOT_B = Partition(2, 128, "c"), Partition(3, 128, "c")
ROOT_A, ROOT_B = Partition(5, 384, "83"), Partition(6, 384, "83")
# The last one; it grows to the end of the card when the board starts for the first time.
DATA = Partition(7, 128, "83")
PRIMARY, LOGICAL = (SELECTOR, BOOT_A, BOOT_B), (ROOT_A, ROOT_B, DATA)
# Where the first one begins, and what lies before each logical one, in MiB.
_FIRST = _GAP = 4


def offsets() -> dict[int, int]:
    """Where each partition begins, in MiB, by its number."""
    found, at = {}, _FIRST
    for partition in PRIMARY:
        found[partition.number] = at
        at += partition.size
    for partition in LOGICAL:
        at += _GAP
        found[partition.number] = at
        at += partition.size
    return found


def table() -> str:
    """The partition table as sfdisk takes it."""
    begin = offsets()
    sectors = MIB // SECTOR
    lines = ["label: dos", f"label-id: 0x{DISK_ID:08x}", "unit: sectors"]
    lines += [f"{p.number}: start={begin[p.number] * sectors}, size={p.size * sectors}, type={p.kind}" for p in PRIMARY]
    extended = begin[ROOT_A.number] - _GAP
    size = begin[DATA.number] + DATA.size - extended
    lines.append(f"4: start={extended * sectors}, size={size * sectors}, type=f")
    lines += [f"{p.number}: start={begin[p.number] * sectors}, size={p.size * sectors}, type={p.kind}" for p in LOGICAL]
    return "\n".join(lines) + "\n"


def fat(tools: Tools, name: str, label: str, partition: Partition, files: dict[str, bytes]) -> Path:
    """A FAT file system.

    Args:
        tools: that write it.
        name: of the file to write, in the work directory.
        label: as people see it when they put the card into a computer.
        partition: that it is for.
        files: contents by path; directories are made.
    """
    path = tools.work / name
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(partition.size * MIB)
    serial = f"{DISK_ID + partition.number:08x}"
    tools.run("mkfs.vfat", "--invariant", "-F", "32", "-n", label, "-i", serial, name)
    folders = sorted({str(parent) for item in files for parent in Path(item).parents if str(parent) != "."})
    if folders:
        tools.run("mmd", "-i", name, *(f"::{folder}" for folder in folders))
    scratch = tools.work / f"{name}.file"
    for item, content in sorted(files.items()):
        scratch.write_bytes(content)
        # mcopy takes the time of the file, which has to be the same each time.
        os.utime(scratch, (_FAT_TIME, _FAT_TIME))
        tools.run("mcopy", "-m", "-i", name, scratch.name, f"::{item}")
    scratch.unlink(missing_ok=True)
    return path


# FAT knows no time before 1980; this one says that nobody knows.
_FAT_TIME = 315_619_200


def squashfs(tools: Tools, tar: str, name: str, epoch: int) -> Path:
    """A read-only file system of a tar file, both in the work directory."""
    with (tools.work / tar).open("rb") as file:
        tools.run(
            "tar2sqfs", "--quiet", "--force", "--compressor", "zstd", "--comp-extra", "level=15",
            "--defaults", f"mtime={epoch},uid=0,gid=0,mode=0755", name, stdin=file.read(),
        )  # fmt: skip
    return tools.work / name


def data(tools: Tools, name: str) -> Path:
    """The empty file system that keeps what is the board's own."""
    tools.run(
        "mke2fs", "-q", "-F", "-t", "ext4", "-m", "1", "-L", "ferrule-data", "-U", _DATA_UUID,
        "-E", f"hash_seed={_DATA_UUID},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0", name, f"{DATA.size}M",
    )  # fmt: skip
    return tools.work / name


def card(tools: Tools, name: str, contents: dict[Partition, Path]) -> Path:
    """The whole card; what no partition has content for stays empty.

    Args:
        tools: that write the table.
        name: of the file to write, in the work directory.
        contents: what is in the partitions.
    """
    begin = offsets()
    path = tools.work / name
    path.unlink(missing_ok=True)
    with path.open("wb") as image:
        image.truncate((begin[DATA.number] + DATA.size) * MIB)
    tools.run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", name, stdin=table().encode())
    with path.open("r+b") as image:
        for partition, content in contents.items():
            with content.open("rb") as source:
                _copy(source.fileno(), image.fileno(), begin[partition.number] * MIB, content.stat().st_size)
    return path


def _copy(source: int, target: int, at: int, size: int) -> None:
    """Copy without the holes: what is not written takes no room."""
    done = 0
    while done < size:
        try:
            start = os.lseek(source, done, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(source, start, os.SEEK_HOLE)
        while start < end:
            block = os.pread(source, min(MIB, end - start), start)
            os.pwrite(target, block, at + start)
            start += len(block)
        done = end
