"""What takes minutes to make and is the same every time, kept between builds."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "FERRULE_CACHE"


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it is kept: ``$FERRULE_CACHE``, or ``ferrule`` in the user's cache folder (XDG Base Directory)."""
    if said := environment.get(VARIABLE):
        return Path(said).absolute()
    home = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME", "/root")) / ".cache")
    return Path(home) / "ferrule"


class Cache:
    """Things by what they were made of.

    Args:
        directory: where they lie; it is made when the first one comes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, name: str, made_of: Mapping[str, object], make: Callable[[Path], None]) -> Path:
        """A thing that was kept, or that is made now.

        It appears whole or not at all, also where two builds make it at once.

        Args:
            name: what it is, for people who look into the directory.
            made_of: all that decides what comes out.
            make: makes it at a path that does not exist yet, a file or a directory.
        """
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
        place = self._directory / f"{name}-{key}"
        if place.exists():
            return place
        self._directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=self._directory) as scratch:
            fresh = Path(scratch) / name
            make(fresh)
            try:
                fresh.rename(place)
            except OSError:
                # Somebody else was quicker; a directory cannot be renamed onto another one.
                if not place.exists():
                    raise
        return place

    def forget(self, name: str) -> None:
        """Remove every version of a thing."""
        for place in self._directory.glob(f"{name}-*"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
