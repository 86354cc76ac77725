"""What was counted, for a period: the formulas of the figures (D-166 to D-170). None where nothing was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.analytics.ledger import InstanceLook, Ledger
from gateway.core.errors import Code, GatewayError
from gateway.core.kept import kept as on_disk
from gateway.core.plugins import KeptPlugin, PluginStore, Wanted
from gateway.core.usage import DAY_S, HOUR_S, Hour, PluginDay, SubjectDay

# Of the reference, by how many days they are.
PERIODS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
# The users of the platform: programs and people (D-166); agents and plugins are what they use.
_USERS = ("client:", "user:")
OTHER = "Other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecosystem:
    """Everything together.

    Attributes:
        total_plugins: there are now.
        total_instances: there are now.
        active_instances: that run now.
        total_downloads: of these plugins, ever.
        active_users: who called in the period.
        messages: in the last 24 hours, 7 days and 30 days.
        average_response: milliseconds of a call in the period.
        uptime_percentage: of the time since the gateway first ran, as far as it lies in the period.
        error_rate: share of the calls in the period that failed through the gateway.
        regions: what runs here by region, in whole percent that sum up to 100.
    """

    total_plugins: int
    total_instances: int
    active_instances: int
    total_downloads: int
    active_users: int
    messages: tuple[int, int, int]
    average_response: float | None
    uptime_percentage: float | None
    error_rate: float | None
    regions: Mapping[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFigures:
    """One plugin.

    Attributes:
        plugin: as it stands in the registry.
        versions: how many instances there are of each.
        active: of all instances, those that run.
        sum: of what they did in the time asked for.
        days: the same for each day on which they did something; days are numbered from 1970 on.
    """

    plugin: KeptPlugin
    versions: Mapping[str, int]
    active: int
    sum: PluginDay
    days: Mapping[int, PluginDay]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerFigures:
    """One caller in a period.

    Attributes:
        days: what it did on each; days are numbered from 1970 on.
        sum: of them.
        instances: of plugins that are its own now.
    """

    days: Mapping[int, SubjectDay]
    sum: SubjectDay
    instances: int


class Figures:
    """Answers what is asked.

    Args:
        ledger: what was counted.
        plugins: which there are.
        known: whether there is such a caller.
        region: where this gateway stands, in the words of its operator; "": not said.
        agents: how many are active.
        wall: Unix seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        plugins: PluginStore,
        *,
        known: Callable[[str], bool],
        region: Callable[[], str],
        agents: Callable[[], int],
        wall: Callable[[], float],
    ) -> None:
        self._ledger, self._plugins = ledger, plugins
        self._known, self._region, self._agents, self._wall = known, region, agents, wall

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self._wall()

    async def ecosystem(self, days: int) -> Ecosystem:
        """Everything together.

        Args:
            days: of the period, today included.

        Raises:
            GatewayError: UNAVAILABLE, the disk is in trouble; as the others do.
        """
        looks = self._ledger.look()
        active = sum(look.up for look in looks)
        hour = int(self._wall() // HOUR_S)
        async with on_disk():
            hours = await self._ledger.hours(hour - 24 * max(days, 30) + 1)
            first = await self._ledger.first_hour()
            callers = await self._ledger.callers(self._day - days + 1)
            _, total = await self._plugins.list(Wanted(limit=0))
            downloads = await self._plugins.downloads()
        asked = {number: counted for number, counted in hours.items() if number > hour - 24 * days}
        whole = Hour()
        for counted in asked.values():
            whole.add(counted)
        return Ecosystem(
            total_plugins=total,
            total_instances=len(looks),
            active_instances=active,
            total_downloads=downloads,
            active_users=sum(caller.startswith(_USERS) for caller in callers),
            messages=(_messages(hours, hour, 1), _messages(hours, hour, 7), _messages(hours, hour, 30)),
            average_response=1000 * whole.seconds / whole.calls if whole.calls else None,
            uptime_percentage=uptime(asked, first, hour - 24 * days + 1, self._wall()),
            error_rate=whole.faults / whole.calls if whole.calls else None,
            regions=self._regions(looks),
        )

    async def plugin(self, id_: str, days: int | None) -> PluginFigures:
        """One plugin.

        Args:
            id_: of the plugin.
            days: of the period, today included; None: ever since.

        Raises:
            GatewayError: NOT_FOUND, there is none.
        """
        looks = [look for look in self._ledger.look() if look.plugin == id_]
        async with on_disk():
            plugin = await self._plugins.find(id_)
            if plugin is None:
                raise GatewayError(Code.NOT_FOUND, f"there is no plugin {id_}")
            kept = dict(await self._ledger.plugin(id_, 1 if days is None else self._day - days + 1))
        before = kept.pop(0, None)
        whole = PluginDay()
        for day in (*kept.values(), *([before] if before is not None and days is None else [])):
            whole.add(day)
        return PluginFigures(
            plugin=plugin,
            versions=Counter(look.version for look in looks),
            active=sum(look.up for look in looks),
            sum=whole,
            days=dict(sorted(kept.items())),
        )

    async def caller(self, subject: str, days: int, *, known: bool = False) -> CallerFigures:
        """One caller.

        Args:
            subject: ``user:ID`` or ``client:ID``.
            days: of the period, today included.
            known: there is such a caller: it asks.

        Raises:
            GatewayError: NOT_FOUND, nobody is called so.
        """
        if not known and not self._known(subject):
            raise GatewayError(Code.NOT_FOUND, f"there is no {subject.replace(':', ' ', 1)}")
        async with on_disk():
            called = await self._ledger.subject(subject, self._day - days + 1)
        whole = SubjectDay()
        for day in called.values():
            whole.add(day)
        owned = sum(look.owner == subject for look in self._ledger.look())
        return CallerFigures(days=dict(sorted(called.items())), sum=whole, instances=owned)

    def _regions(self, looks: Iterable[InstanceLook]) -> Mapping[str, int] | None:
        here = self._region() or OTHER
        found = Counter(look.region or here for look in looks if look.up)
        found[here] += self._agents()
        return percents(+found)

    @property
    def _day(self) -> int:
        return int(self._wall() // DAY_S)


def uptime(hours: Mapping[int, Hour], first: int, begin: int, now: float) -> float | None:
    """Percent of the time in which the gateway ran.

    Args:
        hours: of the period, those in which anything was counted.
        first: the oldest hour of all: what lies before the first second the gateway ran does not count.
        begin: the first hour of the period.
        now: Unix seconds.

    Returns:
        0 to 100; None where no time has passed.
    """
    up = sum(counted.up for counted in hours.values())
    if begin > first:
        passed = now - begin * HOUR_S
    else:
        ran = hours[first].up if first in hours else 0.0
        passed = ran + max(0.0, now - (first + 1) * HOUR_S)
    return min(100.0, 100.0 * up / passed) if passed > 0 else None


def percents(counts: Mapping[str, int]) -> Mapping[str, int] | None:
    """Whole percent that sum up to 100, the largest first (largest remainder); None where there is nothing.

    Args:
        counts: above 0, by name.
    """
    total = sum(counts.values())
    if not total:
        return None
    floors = {name: 100 * count // total for name, count in counts.items()}
    left = sorted(counts, key=lambda name: (-(100 * counts[name] % total), name))
    for name in left[: 100 - sum(floors.values())]:
        floors[name] += 1
    return dict(sorted(floors.items(), key=lambda one: (-one[1], one[0])))


def _messages(hours: Mapping[int, Hour], now: int, days: int) -> int:
    return sum(counted.messages for number, counted in hours.items() if number > now - 24 * days)
