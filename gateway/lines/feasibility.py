"""Can a line do what its configuration asks of it? Computed before anything runs, from the wire and the plan.

Polls are scheduled earliest deadline first and an exchange is never interrupted. The classical bounds for that apply:
the demand of all blocks may not exceed the line's time, and no block waits longer than the longest busy period, that
is, the longest stretch in which the line is never idle (George, Rivierre, Spuri 1996). A value's worst age is its
period plus that wait plus the time its own exchange takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.lines.plan import Block, longest_block, plan
from gateway.lines.wire import Wire
from gateway.settings.line_model import DeviceSettings, LineSettings

# On a network an exchange has no wire time; what it costs is the peer's turnaround.
NETWORK_TURNAROUND_S = 0.01
ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """A block of the plan with what it costs."""

    device: DeviceSettings
    block: Block
    cost: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a line can and cannot do.

    Attributes:
        utilisation: share of the line's time that periodic polls need; above 1 they cannot be met.
        silent_utilisation: the same share of what is left when silent devices use up what they may.
        blocks: the plan.
        wait: longest wait of a due poll in seconds, all devices answering; None where the line is overloaded.
        silent_wait: the same with any number of silent devices; None where the line is overloaded then.
    """

    line: LineSettings
    utilisation: float
    silent_utilisation: float
    blocks: tuple[PlannedBlock, ...]
    wait: float | None
    silent_wait: float | None

    def age(self, planned: PlannedBlock, *, silent: bool) -> float | None:
        """Worst age in seconds of the values of a block, None where it has no bound."""
        period, wait = planned.block.period, self.silent_wait if silent else self.wait
        if period is None or wait is None:
            return None
        return period + min(wait, period) + planned.cost


def judge(line: LineSettings) -> Verdict:
    """Compute the verdict on a line."""
    wire = Wire.of(line)
    if not wire.character:
        wire = wire.with_turnaround(max(wire.turnaround, NETWORK_TURNAROUND_S))
    longest = longest_block(line, wire)
    blocks = tuple(
        PlannedBlock(device, block, wire.read(block.table, block.count))
        for device in line.devices
        for block in plan(device, wire, {}, longest)
    )
    periodic = [(planned.cost, planned.block.period) for planned in blocks if planned.block.period is not None]
    utilisation = sum(cost / period for cost, period in periodic)
    timeouts = [device.timeout or line.timeout for device in line.devices]
    lost = wire.lost(max(timeouts, default=line.timeout))
    share = line.silent_share if len(line.devices) > 1 else 0.0
    # One exchange that has begun is finished first: the longest of all, background ones included.
    blocking = max((planned.cost for planned in blocks), default=0.0)
    return Verdict(
        line,
        utilisation,
        utilisation / (1.0 - share) if share < 1.0 else math.inf,
        blocks,
        _busy_period(periodic, blocking, 0.0),
        _busy_period(periodic, max(blocking, lost), share),
    )


def _busy_period(periodic: list[tuple[float, float]], blocking: float, share: float) -> float | None:
    """The longest time in which the line is never idle, or None where it never is."""
    if sum(cost / period for cost, period in periodic) + share >= 1.0:
        return None
    length = blocking + sum(cost for cost, _ in periodic)
    for _ in range(ROUNDS):
        demand = blocking + sum(math.ceil(length / period) * cost for cost, period in periodic)
        grown = demand / (1.0 - share)
        if grown <= length * (1 + 1e-9):
            return length
        length = grown
    return None
