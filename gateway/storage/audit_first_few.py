"""The first few names of many, for a row that stands for many: who floods the log must not name its size."""

from __future__ import annotations

MOST = 5


class FirstFew:
    """Names in the order they came, each once, and whether there were more."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str | None) -> None:
        """One more; None is none."""
        # One beyond what is told, to know that there were more.
        if name is not None and len(self._names) <= MOST:
            self._names[name] = None

    @property
    def several(self) -> bool:
        """Whether one name does not say it all."""
        return len(self._names) > 1

    def told(self) -> list[str]:
        """The first few, and an ellipsis for the rest."""
        names = list(self._names)
        return names if len(names) <= MOST else [*names[:MOST], "…"]
