"""What is used is counted: the ledger, its figures, and what can be asked of them are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.access.oauth.subjects import Subjects
from gateway.analytics.figures import Figures
from gateway.analytics.ledger import InstanceLook, Ledger
from gateway.api.rest.analytics import analytics_routes
from gateway.api.rest.route import Route
from gateway.plugins.host.states import State
from gateway.plugins.instances.order import Shown
from gateway.storage.database import Database
from gateway.storage.plugin_store import StoredPlugins
from gateway.storage.usage_store import StoredUsage

# In which an instance should run.
_WANTED = frozenset({State.INITIALIZING, State.ACTIVE, State.ERROR})


class Accounting:
    """What is used, within a running gateway.

    Args:
        database: the file of plugins.
        instances: all of them.
        messages: each counts messages that were sent in this run of the gateway.
        subjects: everybody who may call.
        region: where this gateway stands; "": not said.
        agents: how many are active.
        wall: Unix seconds.
        monotonic: the run loop's clock, in seconds.

    Attributes:
        ledger: counts; it has to run.
        routes: what can be asked.
    """

    def __init__(
        self,
        database: Database,
        instances: Callable[[], Iterable[Shown]],
        messages: Iterable[Callable[[], int]],
        *,
        subjects: Subjects,
        region: Callable[[], str],
        agents: Callable[[], int],
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        def looks() -> list[InstanceLook]:
            return [_look(shown) for shown in instances()]

        self.ledger = Ledger(StoredUsage(database), wall, monotonic, looks, list(messages))
        figures = Figures(
            self.ledger,
            StoredPlugins(database),
            known=lambda subject: subjects.find(subject) is not None,
            region=region,
            agents=agents,
            wall=wall,
        )
        self.routes: tuple[Route, ...] = analytics_routes(figures)


def _look(shown: Shown) -> InstanceLook:
    kept, report = shown.kept, shown.report
    usage = None if report is None else report.usage
    return InstanceLook(
        instance=kept.id,
        plugin=kept.plugin,
        version=kept.version,
        owner=f"{kept.owner.type}:{kept.owner.id}",
        region=kept.region or "",
        wanted=shown.status in _WANTED,
        up=shown.status is State.ACTIVE,
        invocations=0 if report is None else report.invocations,
        errors=0 if report is None else report.errors,
        seconds=0.0 if report is None else report.invocations * (report.average_response or 0.0),
        memory=None if usage is None else usage.memory,
        peak=None if report is None else report.peak_memory,
        cpu=None if usage is None else usage.cpu,
    )
