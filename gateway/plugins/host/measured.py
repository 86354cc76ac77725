"""What an instance took over all its lives, and whether that is too much. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gateway.plugins.host.sandbox import MEBI, Bounds
from gateway.plugins.host.states import Fall
from gateway.plugins.host.usage import Usage

# What is resident beside the memory that is bounded for each process: programs and libraries.
_BESIDE = 1.25


@dataclass(slots=True)
class Measured:
    """The looks at one instance.

    Attributes:
        last: the last one of this life; None: there was none.
        peak: bytes resident.
    """

    last: Usage | None = None
    peak: int | None = None
    _looks: int = 0
    _memory: int = 0
    _cpu_before: float = 0.0
    _seconds: float = 0.0
    _looked: float | None = None
    _window: deque[tuple[float, float]] = field(default_factory=deque)

    @property
    def average_memory(self) -> float | None:
        """Bytes resident, over all looks; None without one."""
        return self._memory / self._looks if self._looks else None

    @property
    def average_cpu(self) -> float | None:
        """Share of one processor, over the time that was looked at; None without any."""
        now = 0.0 if self.last is None else self.last.cpu
        return (self._cpu_before + now) / self._seconds if self._seconds > 0 else None

    def begin(self, now: float) -> None:
        """A life begins."""
        self._looked = now
        self._window.clear()
        self._window.append((now, 0.0))

    def look(self, now: float, usage: Usage) -> None:
        """What it takes now."""
        self._pass(now)
        # Processes that end and are waited for by nobody take their time with them.
        cpu = usage.cpu if self.last is None else max(usage.cpu, self.last.cpu)
        self.last = Usage(cpu, usage.memory, usage.tasks)
        self._looks += 1
        self._memory += usage.memory
        self.peak = usage.memory if self.peak is None else max(self.peak, usage.memory)
        self._window.append((now, cpu))

    def end(self) -> None:
        """A life ended."""
        if self.last is not None:
            self._cpu_before += self.last.cpu
            self.last = None
        self._looked = None

    def excess(self, bounds: Bounds, window: float) -> Fall | None:
        """Whether it took too much, and of what.

        Args:
            bounds: how much it may take.
            window: seconds over which its share of the processor counts.
        """
        if self.last is None:
            return None
        if self.last.memory > bounds.memory * _BESIDE:
            return Fall(
                "memory", f"all its processes together take {self.last.memory / MEBI:.0f} MiB: {_most(bounds)} MiB"
            )
        now, cpu = self._window[-1]
        while len(self._window) > 1 and now - self._window[1][0] >= window:
            self._window.popleft()
        begun, before = self._window[0]
        if now - begun >= window and (share := (cpu - before) / (now - begun)) > bounds.cpu:
            return Fall(
                "cpu",
                f"it used {share:.0%} of a processor for {now - begun:.0f} s: at most {bounds.cpu:.0%} are granted",
            )
        return None

    def _pass(self, now: float) -> None:
        if self._looked is not None:
            self._seconds += now - self._looked
        self._looked = now


def crowded(size: int, files: int, bounds: Bounds) -> Fall | None:
    """Whether its data take too much room."""
    if files > bounds.data_files:
        return Fall("disk", f"it keeps more than {bounds.data_files} files, or such that cannot be counted")
    if size > bounds.data:
        return Fall("disk", f"its files take {size / MEBI:.1f} MiB: at most {bounds.data / MEBI:g} MiB are granted")
    return None


def _most(bounds: Bounds) -> str:
    return f"at most {bounds.memory / MEBI:g}"
