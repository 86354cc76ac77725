"""Archives as the kernel takes them for an initramfs: "newc" (driver-api/early-userspace/buffer-format of its docs)."""

from __future__ import annotations

import stat
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive.

    Attributes:
        name: its path, without a slash before it.
        mode: kind and permissions, as stat(2) has them.
        content: what is in a file, or where a link leads.
        device: major and minor number of a device.
    """

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(name: str) -> Entry:
    """A directory."""
    return Entry(name, stat.S_IFDIR | 0o755)


def file(name: str, content: bytes, *, runs: bool = False) -> Entry:
    """A plain file, which may be one that runs."""
    return Entry(name, stat.S_IFREG | (0o755 if runs else 0o644), content)


def link(name: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def device(name: str, major: int, minor: int) -> Entry:
    """A character device that only root may open."""
    return Entry(name, stat.S_IFCHR | 0o600, b"", (major, minor))


def archive(entries: list[Entry]) -> bytes:
    """The archive: everything belongs to root, and no time is in it, so that the same files give the same bytes."""
    parts = bytearray()
    for number, entry in enumerate(entries, 1):
        _append(parts, entry, number)
    _append(parts, Entry("TRAILER!!!", 0), 0)
    return bytes(parts)


def _append(parts: bytearray, entry: Entry, number: int) -> None:
    name = entry.name.encode() + b"\0"
    # Number, mode, user, group, links, time, size, device of the file system, device, length of the name, no checksum.
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
    parts += b"070701" + b"".join(b"%08X" % field for field in fields) + name
    parts += bytes(-len(parts) % 4)
    parts += entry.content
    parts += bytes(-len(parts) % 4)
