"""What administrators do with plugins, and with all that is installed of them (D-105, D-106)."""

from __future__ import annotations

from functools import partial

import trio

from gateway.api.rest.etags import check_match, etag_of
from gateway.api.rest.plugin_models import PLUGINS, Plugin, state_of
from gateway.api.rest.plugins import answered
from gateway.api.rest.route import Answer, Call, Form, Route
from gateway.api.rest.shapes import Nothing
from gateway.plugins.instances.instances import Instances
from gateway.plugins.registry.registry import ADMIN, Registry

_ONE = f"{PLUGINS}/{{plugin_id}}"

_Bare = Call[None, Nothing]


class RuleRoutes:
    """What administrators can ask of plugins.

    Args:
        registry: has them.
        instances: what is installed of them.
    """

    def __init__(self, registry: Registry, instances: Instances) -> None:
        self._registry, self._instances = registry, instances
        # Between a look at the state and its change nobody else removes it.
        self._changing = trio.Lock()

    async def remove(self, call: _Bare) -> Answer:
        """DELETE."""
        async with self._changing:
            plugin = await self._registry.get(call.path["plugin_id"])
            check_match(call.origin.scope, etag_of(state_of(plugin)))
            await self._instances.remove_plugin(plugin.id)
        return Answer()

    async def suspend(self, call: _Bare) -> Answer:
        """POST: have nobody install it, and its instances end."""
        return answered(await self._instances.suspend_plugin(call.origin.principal, call.path["plugin_id"]))

    async def resume(self, call: _Bare) -> Answer:
        """POST: end that."""
        return answered(await self._instances.resume_plugin(call.path["plugin_id"]))


def rule_routes(registry: Registry, instances: Instances) -> tuple[Route, ...]:
    """The routes for administrators of plugins."""
    work = RuleRoutes(registry, instances)
    rule = partial(Route, resource="plugin", result=Plugin, takes=Form.DOCUMENT, gives=Form.DOCUMENT, scope=ADMIN)
    return (
        rule(
            name="plugin.remove",
            method="DELETE",
            path=_ONE,
            run=work.remove,
            summary="Remove plugin from registry",
            result=None,
            status=204,
            origin="seed",
        ),
        rule(
            name="plugin.suspend",
            method="POST",
            path=f"{_ONE}/suspend",
            run=work.suspend,
            summary="Have nobody install a plugin, and its instances stop",
        ),
        rule(
            name="plugin.resume",
            method="POST",
            path=f"{_ONE}/resume",
            run=work.resume,
            summary="Let a plugin be installed and run again",
        ),
    )
