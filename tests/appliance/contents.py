"""What is on a card, read out of it without mounting anything: of a system, of a partition the firmware reads."""

from __future__ import annotations

import struct
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from image.disk import DATA, MIB, ROOT_A, Partition, offsets

from .board import Card

# Of a squashfs: where its first block says how long it is.
_LENGTH_AT = 40


@dataclass(frozen=True, slots=True)
class Found:
    """A file, a directory or a link of a system.

    Attributes:
        path: without a slash before it.
        kind: as tar has it: file, directory, link, device.
        mode: its twelve bits.
        owner: number of its user.
        group: number of its group.
        extended: names of its extended attributes.
        content: of a file; of a link, where it leads.
    """

    path: str
    kind: bytes
    mode: int
    owner: int
    group: int
    extended: frozenset[str]
    content: bytes


def system(card: Card) -> dict[str, Found]:
    """All of the system in slot A, by path."""
    work = card.tools.work
    _take(card, ROOT_A, work / "root.squashfs")
    with (work / "root.tar").open("wb") as out:
        words = card.tools.command("sqfs2tar", "--no-hard-links", "--no-skip", "--root-becomes", ".", "root.squashfs")
        subprocess.run(words, stdout=out, check=True)
    found = {}
    with tarfile.open(work / "root.tar") as tar:
        for member in tar:
            path = member.name.removeprefix(".").strip("/")
            file = tar.extractfile(member) if member.isreg() else None
            found[path] = Found(
                path,
                member.type,
                member.mode,
                member.uid,
                member.gid,
                frozenset(name for name in member.pax_headers if "xattr" in name),
                file.read() if file is not None else member.linkname.encode(),
            )
    return found


def read_by_firmware(card: Card, partition: Partition) -> dict[str, bytes]:
    """All files of a FAT partition, by path."""
    place = card.tools.work / f"fat-{partition.number}"
    place.mkdir()
    at = f"{card.path.name}@@{offsets()[partition.number]}M"
    card.tools.run("mcopy", "-s", "-n", "-i", at, "::/", place.name)
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def first_system(card: Card, packed: bytes) -> dict[str, bytes]:
    """All files of an initramfs, by path.

    Args:
        card: whose tools unpack it.
        packed: as the firmware loads it.
    """
    work = card.tools.work
    (work / "packed.zst").write_bytes(packed)
    card.tools.run("zstd", "-q", "-d", "-f", "packed.zst", "-o", "packed.cpio")
    (work / "first").mkdir()
    card.tools.run("sh", "-c", "cd first && cpio -i -d --quiet --no-absolute-filenames < ../packed.cpio")
    paths = (path for path in (work / "first").rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(work / "first")): path.read_bytes() for path in paths}


def of_its_own(card: Card) -> list[str]:
    """Names of what lies on the data partition."""
    _take(card, DATA, card.tools.work / "data.ext4")
    said = card.tools.run("debugfs", "-R", "ls -p /", "data.ext4")
    names = [line.split("/")[5] for line in said.splitlines() if line.startswith("/")]
    return sorted(set(names) - {".", "..", ""})


def is_empty(card: Card, partition: Partition) -> bool:
    """Nothing but zeros is in a partition."""
    with card.path.open("rb") as file:
        file.seek(offsets()[partition.number] * MIB)
        return all(file.read(MIB).count(0) == MIB for _ in range(partition.size))


def _take(card: Card, partition: Partition, target: Path) -> None:
    with card.path.open("rb") as file:
        file.seek(offsets()[partition.number] * MIB)
        content = file.read(partition.size * MIB)
    if partition is ROOT_A:
        [length] = struct.unpack_from("<Q", content, _LENGTH_AT)
        # What follows would be read by nobody, and found by everybody.
        assert not content[length:].strip(b"\0")
        content = content[:length]
    target.write_bytes(content)
