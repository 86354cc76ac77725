"""Drivers of a kernel: which a driver needs before it, and in what order they are loaded (depmod's tables)."""

from __future__ import annotations

import lzma
from pathlib import Path

from systemd.debian.stop import BuildError


class Modules:
    """The modules of one kernel.

    Args:
        directory: ``/lib/modules/VERSION``, with depmod's tables in it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._needs: dict[str, list[str]] = {}
        for line in (directory / "modules.dep").read_text().splitlines():
            path, _, needed = line.partition(":")
            self._needs[path] = needed.split()
        self._paths = {_name(path): path for path in self._needs}
        self._built_in = {_name(line) for line in (directory / "modules.builtin").read_text().split()}
        self._before: dict[str, list[str]] = {}
        for line in (directory / "modules.softdep").read_text().splitlines():
            words = line.split()
            if words[:1] == ["softdep"] and "pre:" in words:
                before = words[words.index("pre:") + 1 :]
                after = before.index("post:") if "post:" in before else len(before)
                self._before.setdefault(words[1].replace("-", "_"), []).extend(before[:after])

    def load_order(self, names: list[str]) -> list[str]:
        """Paths of these modules and of all that they need, each after what it needs.

        Args:
            names: as modprobe takes them; what is built into the kernel is left out.

        Raises:
            BuildError: the kernel has no such module.
        """
        found: list[str] = []
        for name in names:
            plain = name.replace("-", "_")
            if plain in self._paths:
                self._add(self._paths[plain], found)
            elif plain not in self._built_in:
                raise BuildError(f"the kernel in {self._directory} has no module {name}")
        return found

    def _add(self, path: str, found: list[str]) -> None:
        # What depmod lists last is needed first. A soft dependency may be built in, or be for another processor.
        before = [
            self._paths[soft]
            for word in self._before.get(_name(path), ())
            if (soft := word.replace("-", "_")) in self._paths
        ]
        for needed in (*before, *reversed(self._needs[path])):
            if needed not in found:
                self._add(needed, found)
        if path not in found:
            found.append(path)

    def read(self, path: str) -> bytes:
        """A module as insmod takes it."""
        content = (self._directory / path).read_bytes()
        return lzma.decompress(content) if path.endswith(".xz") else content


def _name(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")
