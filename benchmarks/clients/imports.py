"""Imports the gateway and prints by how many megabytes each package made the process grow."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


def resident() -> float:
    """Resident megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB


class Scale(importlib.abc.MetaPathFinder):
    """Weighs every module that is imported, less what it imports in turn."""

    def __init__(self) -> None:
        self.weights: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Let the usual finder find it, and put the scale under its loader."""
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        found, loader, scale = spec, spec.loader, self
        package = fullname.split(".", maxsplit=1)[0]

        class Weighing(importlib.abc.Loader):
            def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
                return loader.create_module(spec)

            def exec_module(self, module: ModuleType) -> None:
                # Some modules ask their spec for the loader that can read files.
                found.loader = module.__loader__ = loader
                scale.weigh(package, lambda: loader.exec_module(module))

        spec.loader = Weighing()
        return spec

    def weigh(self, package: str, execute: Callable[[], None]) -> None:
        """Count what one module adds by itself."""
        before = resident()
        self._inner.append(0.0)
        try:
            execute()
        finally:
            grown = resident() - before
            self.weights[package] += grown - self._inner.pop()
            self._inner[-1] += grown


if __name__ == "__main__":
    start = resident()
    # Only the test tools bring them along; see process.py.
    for name in ("rich", "typing_extensions"):
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to say that there is no such module
    scale_ = Scale()
    sys.meta_path.insert(0, scale_)
    importlib.import_module("gateway.cli.run")
    print(json.dumps({"total": resident(), "python itself": start, **scale_.weights}))
