"""The files of a plugin in its author's directory: which of them go into the package."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from gateway.plugins.author.findings import Finding
from gateway.plugins.bounds import BOUNDS, MEBI
from gateway.plugins.manifest import MANIFEST, UNLISTED
from gateway.plugins.names import Tree, check_name, shown
from gateway.plugins.refusal import PackageError

# Says, one pattern a line, what is left out beside this; with ! in front, what is not.
IGNORE = ".ferruleignore"
JUNK = (".*", "__pycache__", "*.pyc", "*~", "node_modules", "venv", "*.egg-info", "*.tar.gz", "manifest.sig")
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(slots=True)
class Source:
    """A plugin as its author has it.

    Attributes:
        directory: where.
        manifest: its manifest, as it is written; None: there is none.
        files: content of every other file of the package, by name, sorted.
        executable: those of them that may be run.
        left_out: what is there and does not go into the package.
        findings: what stands in the way.
    """

    directory: Path
    manifest: bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()
    left_out: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def path(self, name: str) -> str:
        """What a file is called in findings."""
        return str(self.directory / name)


def read_source(directory: Path) -> Source:
    """Read a plugin.

    Raises:
        OSError: something cannot be read.
    """
    source = Source(directory)
    ignoring = Ignoring.of(directory)
    tree, executable, total = Tree(), set(), 0
    for name, entry in _walk(directory, ignoring, source):
        if name == MANIFEST:
            source.manifest = Path(entry.path).read_bytes()
            continue
        total += entry.stat(follow_symlinks=False).st_size
        if len(source.files) >= BOUNDS.files - len(UNLISTED) or total > BOUNDS.unpacked:
            words = (
                f"a package has up to {BOUNDS.files} files and {BOUNDS.unpacked // MEBI} MiB, and there is more: name "
                f"in {IGNORE} what does not belong to it"
            )
            source.findings.append(Finding(str(directory), "error", words))
            break
        try:
            check_name(name)
            tree.add(name)
        except PackageError as error:
            source.findings.append(Finding(source.path(name), "error", str(error)))
            continue
        content = Path(entry.path).read_bytes()
        if _PRIVATE_KEY.search(content):
            words = f"a private key: keep it somewhere else, or name it in {IGNORE}"
            source.findings.append(Finding(source.path(name), "error", words))
        source.files[name] = content
        if entry.stat(follow_symlinks=False).st_mode & stat.S_IXUSR:
            executable.add(name)
    source.files = dict(sorted(source.files.items()))
    source.executable = frozenset(executable)
    return source


@dataclass(frozen=True, slots=True)
class Ignoring:
    """What is left out.

    Attributes:
        out: patterns of what is.
        back: patterns of what is not, all the same.
    """

    out: tuple[str, ...] = JUNK
    back: tuple[str, ...] = ()

    @classmethod
    def of(cls, directory: Path) -> Ignoring:
        """As the author of a directory wants it."""
        try:
            lines = (directory / IGNORE).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return cls()
        words = [line.strip().rstrip("/") for line in lines if line.strip() and not line.lstrip().startswith("#")]
        back = tuple(word.removeprefix("!") for word in words if word.startswith("!"))
        return cls((*JUNK, *(word for word in words if not word.startswith("!"))), back)

    def leaves_out(self, name: str) -> bool:
        """Whether a file or directory is left out, by its name or its whole path."""
        return _any(self.out, name) and not _any(self.back, name)


def _any(patterns: tuple[str, ...], name: str) -> bool:
    last = name.rpartition("/")[2]
    return any(fnmatchcase(name if "/" in pattern else last, pattern) for pattern in patterns)


def _walk(directory: Path, ignoring: Ignoring, source: Source) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every plain file that is not left out, in the order of names."""
    waiting = [(directory, "")]
    while waiting:
        place, before = waiting.pop()
        with os.scandir(place) as entries:
            found = sorted(entries, key=lambda one: one.name)
        inner = []
        for entry in found:
            name = before + entry.name
            if ignoring.leaves_out(name):
                source.left_out.append(name)
            elif entry.is_symlink():
                words = f"is a link, and packages have none: put the file itself there, or name it in {IGNORE}"
                source.findings.append(Finding(source.path(shown(name)), "error", words))
            elif entry.is_dir():
                inner.append((Path(entry.path), f"{name}/"))
            elif entry.is_file():
                yield name, entry
            else:
                words = f"is no plain file: remove it, or name it in {IGNORE}"
                source.findings.append(Finding(source.path(shown(name)), "error", words))
        waiting += reversed(inner)


def write_files(directory: Path, files: Mapping[str, bytes], executable: frozenset[str]) -> None:
    """Make a directory of files that every user can read, whatever the mask for new files is.

    Raises:
        OSError: it cannot be written.
    """
    directory.mkdir()
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if name in executable else 0o644)
    for path in (directory, *directory.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
