"""The file system of a slot: Debian's base, then what is ours; the same bytes from the same inputs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

# Made when the base was, and of no business on a board: keys and numbers that must be each board's own, lists and logs
# of the build.
LEFT_OUT = (
    "etc/machine-id",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_",
    "etc/dropbear/",
    # Where the building machine gets Debian; nothing is installed on a board.
    "etc/apt/sources.list",
    # Nobody logs in but as ferrule-ssh lets them.
    "root/.",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/credential.secret",
    "var/lib/apt/lists/",
    "var/cache/",
    "var/log/",
    "run/",
    "tmp/",
    "dev/",
)


class Tree:
    """Files beside or over those of the base.

    Attributes:
        files: content and mode by path, without a slash before it.
        links: where they lead, by path.
        folders: with nothing in them, and their modes.
    """

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, int]] = {}
        self.links: dict[str, str] = {}
        self.folders: dict[str, int] = {}

    def add(self, directory: Path, at: str = "", *, without: tuple[str, ...] = ()) -> None:
        """Take a directory with all that is in it.

        Args:
            directory: on this machine.
            at: where it goes.
            without: names of files and directories that stay here.
        """
        for path in sorted(directory.rglob("*")):
            relative = path.relative_to(directory)
            if any(part in without for part in relative.parts):
                continue
            name = str(PurePosixPath(at, *relative.parts))
            if path.is_symlink():
                self.links[name] = str(path.readlink())
            elif path.is_file():
                self.files[name] = (path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)

    def lay(self, over: Tree | None) -> None:
        """Have the files, links and folders of another in the place of those of this."""
        if over is not None:
            self.files |= over.files
            self.links |= over.links
            self.folders |= over.folders


def compose(base: Path, tree: Tree, target: Path, epoch: int) -> None:
    """Write the tar of a slot.

    Everything of ours belongs to root; no time is later than the epoch.

    Args:
        base: tar of the Debian system.
        tree: what comes on top.
        target: the tar to write.
        epoch: Unix seconds, the same for the same inputs.
    """
    ours = tree.files.keys() | tree.links.keys()
    written: set[str] = set()
    with tarfile.open(base) as source, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as out:
        for member in source:
            name = member.name.removeprefix("./").strip("/")
            if name in ours or _left_out(name, folder=member.isdir()):
                continue
            member.name = f"./{name}"
            member.mtime = min(int(member.mtime), epoch)
            member.pax_headers = {key: value for key, value in member.pax_headers.items() if "time" not in key}
            out.addfile(member, source.extractfile(member) if member.isreg() else None)
            written.add(name)
        folders: Mapping[str, int] = {**dict.fromkeys(_parents(ours | tree.folders.keys()), 0o755), **tree.folders}
        for name in sorted(folders.keys() - written):
            out.addfile(_entry(name, tarfile.DIRTYPE, folders[name], epoch))
        for name, (content, mode) in sorted(tree.files.items()):
            entry = _entry(name, tarfile.REGTYPE, mode, epoch)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
        for name, leads in sorted(tree.links.items()):
            entry = _entry(name, tarfile.SYMTYPE, 0o777, epoch)
            entry.linkname = leads
            out.addfile(entry)


def _left_out(name: str, *, folder: bool) -> bool:
    return any(name.startswith(prefix) and not (folder and name == prefix.rstrip("/")) for prefix in LEFT_OUT)


def _parents(names: set[str]) -> set[str]:
    return {str(parent) for name in names for parent in PurePosixPath(name).parents if str(parent) != "."}


def _entry(name: str, kind: bytes, mode: int, epoch: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(f"./{name}")
    entry.type, entry.mode, entry.mtime = kind, mode, epoch
    entry.uname = entry.gname = "root"
    return entry
