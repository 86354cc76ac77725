"""What a card holds after a power cut: looked at from outside, before a board starts with it again."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field

from image.disk import DATA, MIB, SELECTOR, offsets

from .board import Card

DRILL = "drill.txt"
_FAT, _MENDED, _DATA = "cut.fat", "cut.mended", "cut.data"
# Of e2fsck: nothing was wrong, or it was put right without a question.
_MENDED_BY_ITSELF = 1
# What the firmware takes: one of the two, whether on trial or not.
_SELECTION = re.compile(r"\[all\]\r?\nboot_partition=[23]\b[^\0]*")


@dataclass
class Expected:
    """What must be on the first partition, whatever happened.

    Attributes:
        files: of people; byte for byte.
        drill: the newest version of the file that the board writes all the time, of which it said that it is there.
    """

    files: dict[str, str] = field(default_factory=dict)
    drill: int = 0


def drill_text(version: int) -> str:
    """What a version of that file says: it tells by itself whether it is whole."""
    return f"{version:08d}\n" * (1 + version * 7919 % 5000)


def check(card: Card, expected: Expected, *, data: bool = True) -> None:
    """See that a card that was cut is whole, as it is and as a board repairs it.

    Args:
        card: of a board without power.
        expected: what must be there.
        data: the partition that is the board's own is looked at, too.

    Raises:
        AssertionError: it is not; the text says what is wrong.
    """
    _first_partition(card, expected)
    if data:
        _data_partition(card)


def _first_partition(card: Card, expected: Expected) -> None:
    work = card.tools.work
    _cut_out(card, _FAT, SELECTOR.number, SELECTOR.size * MIB)
    shutil.copyfile(work / _FAT, work / _MENDED)
    said = _ends_with(card, 1, "fsck.vfat", "-a", "-w", _MENDED)
    # What is repaired is whole, and a second look finds nothing more.
    said += _ends_with(card, 0, "fsck.vfat", "-n", _MENDED)
    for image in (_FAT, _MENDED):
        names = {line.removeprefix("::/") for line in card.tools.run("mdir", "-b", "-i", image, "::/").splitlines()}
        for name, content in expected.files.items():
            assert _text(card, image, name) == content, f"{name} in {image}: {said}"
        selection = _text(card, image, "autoboot.txt")
        assert _SELECTION.fullmatch(selection), f"autoboot.txt in {image}: {selection!r}: {said}"
        if DRILL in names:
            text = _text(card, image, DRILL)
            version = int(text[:8] or "0")
            assert text == drill_text(version), f"{DRILL} in {image} is torn: {text[:20]!r}, {len(text)}: {said}"
            assert version >= expected.drill, f"{DRILL} in {image} is older than what was told to be there: {said}"
        else:
            assert not expected.drill, f"{DRILL} is gone from {image}: {said}"


def _data_partition(card: Card) -> None:
    size = card.path.stat().st_size - offsets()[DATA.number] * MIB
    _cut_out(card, _DATA, DATA.number, size)
    # As the board does it: by itself, and where that is not enough (half of a superblock is old), from the copies.
    done = subprocess.run(card.tools.command("e2fsck", "-p", _DATA), capture_output=True, text=True, check=False)
    said = f"e2fsck -p: {done.returncode}\n{done.stdout}{done.stderr}"
    if done.returncode > _MENDED_BY_ITSELF:
        said = _ends_with(card, _MENDED_BY_ITSELF, "e2fsck", "-y", _DATA, before=said)
    _ends_with(card, 0, "e2fsck", "-fn", _DATA, before=said)


def _text(card: Card, image: str, name: str) -> str:
    target = card.tools.work / "found"
    target.unlink(missing_ok=True)
    card.tools.run("mcopy", "-n", "-o", "-i", image, f"::/{name}", target.name)
    return target.read_bytes().decode(errors="replace")


def _ends_with(card: Card, most: int, *words: str, before: str = "") -> str:
    done = subprocess.run(card.tools.command(*words), capture_output=True, text=True, check=False)
    said = f"{before}{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode <= most, said
    return said


def _cut_out(card: Card, name: str, partition: int, size: int) -> None:
    with card.path.open("rb") as source, (card.tools.work / name).open("wb") as target:
        source.seek(offsets()[partition] * MIB)
        for _ in range(0, size, MIB):
            block = source.read(MIB)
            if block.strip(b"\0"):
                target.write(block)
            else:
                target.seek(len(block), 1)
        target.truncate(size)
