"""Tags that plugins make: real tags of the gateway, that end when the instance does which says them.

Their time is that of the gateway's own clocks. What a plugin says of when something was measured is turned into an age;
it is never in the future, and never before what the tag says already.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from gateway.core.derived import Derived
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.reading import Quality, Reason, Value
from gateway.core.tags import Cell, Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.plugins.host.allowance import Allowance
from gateway.plugins.host.services import Caller, DerivedReading

# Tags of one instance, and of all.
MOST_EACH = 100
MOST = 500
# Readings of one instance that change something: each is told, and kept in the history.
CHANGES_A_MINUTE = 1200
# Seconds for which a value is good where the plugin does not say.
STALE_AFTER_S = 60.0
# Seconds by which clocks may differ before a time lies in the future.
_AHEAD_S = 5.0
_LONGEST_TEXT = 500
# As numbers are kept, and as other languages have them.
_LARGEST = 2**63
# Names that begin so belong to the plugin of the id behind it.
OWN = "plugin"


@dataclass(slots=True)
class _Made:
    """A tag that an instance makes.

    Attributes:
        by: the instance.
        cell: of the tag; another one stands in the store where the configuration has a tag of this name now.
    """

    by: Caller
    cell: Cell


class DerivedTags:
    """The tags of all plugins.

    Args:
        store: the tags of the gateway.
        timeline: the time of what they say.
        lines: names of the lines of the configuration: what begins so is theirs.
        monotonic: the run loop's clock.
    """

    def __init__(
        self,
        store: TagStore,
        timeline: Timeline,
        lines: Callable[[], Collection[str]],
        monotonic: Callable[[], float],
    ) -> None:
        self._store, self._timeline, self._lines, self._monotonic = store, timeline, lines, monotonic
        self._made: dict[str, _Made] = {}
        self._changes: dict[str, Allowance] = {}

    def publish(self, by: Caller, reading: DerivedReading) -> None:
        """Take a reading.

        Raises:
            GatewayError: INVALID, a name, a value or a time that cannot be; CONFLICT, somebody else has the tag;
                TOO_MANY tags, or changes.
        """
        self._check_name(by, reading.tag)
        _check_value(reading.value)
        before = self._present(by, reading.tag)
        tag = _tag(by, reading, None if before is None else before.tag)
        acquired = self._acquired(reading, None if before is None or _differs(before.tag, tag) else before)
        quality, reason = _quality(reading)
        changes = before is None or (before.quality, before.reason, before.value) != (quality, reason, reading.value)
        if changes and not self._allowance(by).take():
            raise GatewayError(
                Code.TOO_MANY, f"at most {CHANGES_A_MINUTE} changed readings a minute: say less, or less often"
            )
        (cell,) = [before] if before is not None and before.tag == tag else self._store.add([tag])
        self._made[reading.tag] = _Made(by, cell)
        if reading.value is None:
            self._store.fail([cell], Reason.PLUGIN_SAYS)
        elif quality is Quality.GOOD:
            self._store.apply([cell], [reading.value], acquired)
        elif changes:
            self._store.doubt([cell], [reading.value], acquired, Reason.PLUGIN_SAYS)
        else:
            cell.sample = self._store.sample(acquired)

    def ended(self, by: Caller) -> None:
        """A process of the instance is gone: nobody says these tags any more."""
        self._store.fail([made.cell for name, made in self._of(by) if self._stands(name)], Reason.PLUGIN_STOPPED)

    def forget(self, by: Caller) -> None:
        """The instance is gone, and its tags are."""
        self.ended(by)
        for name, _ in self._of(by):
            if self._stands(name):
                self._store.remove([name])
            del self._made[name]
        self._changes.pop(by.instance, None)

    def count(self, instance: str) -> int:
        """How many tags an instance makes."""
        return sum(1 for made in self._made.values() if made.by.instance == instance)

    def _of(self, by: Caller) -> list[tuple[str, _Made]]:
        return [(name, made) for name, made in self._made.items() if made.by == by]

    def _stands(self, name: str) -> bool:
        """Whether the store has the plugin's own tag of this name."""
        return self._store.cell(name) is self._made[name].cell

    def _check_name(self, by: Caller, name: str) -> None:
        first, _, rest = name.partition("/")
        if not rest:
            raise invalid("tag", f"a name has two parts or more: {OWN}/{by.plugin}/{name}, for instance", name)
        if first in self._lines():
            raise GatewayError(
                Code.CONFLICT, f"tags that begin with {first}/ belong to the line of that name: take another first part"
            )
        if first == OWN and rest.partition("/")[0] != by.plugin:
            raise invalid(
                "tag", f"what begins with {OWN}/ is of the plugin named behind it: {OWN}/{by.plugin}/...", name
            )

    def _present(self, by: Caller, name: str) -> Cell | None:
        """The instance's tag of this name as it stands; None: there is none, and it may make it."""
        there, made = self._store.cell(name), self._made.get(name)
        if there is not None and (made is None or made.cell is not there):
            self._made.pop(name, None)
            raise GatewayError(Code.CONFLICT, f"{name} is a tag of the configuration: take another name")
        if made is not None and made.by != by:
            raise GatewayError(Code.CONFLICT, f"{name} is a tag of the instance {made.by.instance}: take another name")
        if made is None and (self.count(by.instance) >= MOST_EACH or len(self._made) >= MOST):
            raise GatewayError(Code.TOO_MANY, f"an instance makes at most {MOST_EACH} tags, and all of them {MOST}")
        return there

    def _acquired(self, reading: DerivedReading, before: Cell | None) -> float:
        now = self._monotonic()
        if reading.time is None or reading.value is None:
            return now
        acquired = reading.time - self._timeline.era.offset
        if acquired > now + _AHEAD_S:
            raise invalid("timestamp", "lies in the future: leave it out, and now is meant")
        if before is not None and before.sample is not None and acquired < before.sample.acquired:
            raise invalid("timestamp", "is older than what the tag says already")
        return min(acquired, now)

    def _allowance(self, by: Caller) -> Allowance:
        found = self._changes.get(by.instance)
        if found is None:
            found = self._changes[by.instance] = Allowance(CHANGES_A_MINUTE, self._monotonic)
        return found


def _tag(by: Caller, reading: DerivedReading, before: Tag | None) -> Tag:
    """The tag as this reading has it; what it does not say stays as it was."""
    form, units = _form(reading.value), reading.units
    if reading.value is None and before is not None:
        form = before.type
    if units is None and before is not None:
        units = before.units
    return Tag(
        name=reading.tag,
        type=form,
        units=units,
        poll=None,
        stale_after=STALE_AFTER_S if reading.stale_after is None else reading.stale_after,
        description=f"made by the plugin {by.plugin}",
        origin=Derived(by.plugin, by.instance),
    )


def _form(value: Value | None) -> str:
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "float64"


def _differs(one: Tag, other: Tag) -> bool:
    """Whether it is another thing, whose readings have nothing to do with those of the first."""
    return (one.type, one.units) != (other.type, other.units)


def _quality(reading: DerivedReading) -> tuple[Quality, Reason | None]:
    if reading.value is None:
        return Quality.BAD, Reason.PLUGIN_SAYS
    if reading.quality == Quality.GOOD.value:
        return Quality.GOOD, None
    return Quality.UNCERTAIN, Reason.PLUGIN_SAYS


def _check_value(value: Value | None) -> None:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise invalid("value", f"text has at most {_LONGEST_TEXT} characters")
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise invalid("value", "a whole number has at most 64 bits: send it as text, or as 1e20")
