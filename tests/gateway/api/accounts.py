"""The real ledger of what is used, over instances as a test sets them."""

from __future__ import annotations

import trio

from gateway.access.oauth.subjects import Standing, Subjects
from gateway.accounting import Accounting
from gateway.api.rest.route import Route
from gateway.plugins.instances.order import Shown
from tests.gateway.api.registry import Plugins
from tests.gateway.api.services import NOON


class Accounts:
    """What is used, and what tests turn at it.

    Args:
        plugins: the registry.
    """

    def __init__(self, plugins: Plugins) -> None:
        self.instances: list[Shown] = []
        self.sent = 0
        self.people = {"ann", "bob"}
        subjects = Subjects()
        subjects.know("user", lambda id_: Standing(frozenset(), frozenset()) if id_ in self.people else None)
        made = Accounting(
            plugins.store.database,
            lambda: self.instances,
            [lambda: self.sent],
            subjects=subjects,
            region=lambda: "Europe",
            agents=lambda: 0,
            wall=lambda: NOON,
            monotonic=trio.current_time,
        )
        self.ledger = made.ledger
        self.routes: tuple[Route, ...] = made.routes
