"""All instances: added, found, given what is for them, and ended together."""

from __future__ import annotations

from collections.abc import Iterator

import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.events import Event
from gateway.core.supervise import supervise
from gateway.plugins.host.ground import Ground, GroundError
from gateway.plugins.host.instance import Instance, Surroundings
from gateway.plugins.host.states import Spec

# Seconds all instances have to end when the gateway does.
FAREWELL_S = 10.0


class Host:
    """Runs instances.

    Args:
        around: what they share.
        ground: where they keep their files.
    """

    def __init__(self, around: Surroundings, ground: Ground) -> None:
        self._around, self._ground = around, ground
        self._instances: dict[str, Instance] = {}
        self._scopes: dict[str, trio.CancelScope] = {}
        self._nursery: trio.Nursery | None = None

    def __iter__(self) -> Iterator[Instance]:
        return iter(list(self._instances.values()))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run what is added, until cancelled; then instances have some seconds to end by themselves."""
        closing = trio.Event()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._shelter, closing)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                closing.set()

    async def add(self, spec: Spec) -> Instance:
        """Take an instance; it is inactive.

        Raises:
            GatewayError: INVALID, for a permission there is none of; CONFLICT, there is one of this id; UNAVAILABLE, it
                has no place on the disk.
        """
        if self._nursery is None:
            raise GatewayError(Code.UNAVAILABLE, "the gateway is starting or ending")
        try:
            place = await trio.to_thread.run_sync(self._ground.prepare, spec.instance)
        except GroundError as error:
            raise GatewayError(Code.UNAVAILABLE, str(error)) from None
        if spec.instance in self._instances:
            raise GatewayError(Code.CONFLICT, f"there is an instance {spec.instance} already")
        instance = Instance(spec, place, self._around)
        self._instances[spec.instance] = instance
        self._scopes[spec.instance] = scope = trio.CancelScope()
        self._nursery.start_soon(self._keep, instance, scope)
        return instance

    async def remove(self, id_: str, by: str | None) -> None:
        """End an instance, and forget it with all its files.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE, its files cannot be removed.
        """
        instance = self.get(id_)
        await instance.deactivate(by)
        self._scopes.pop(id_).cancel()
        del self._instances[id_]
        try:
            await trio.to_thread.run_sync(self._ground.remove, id_)
        except GroundError as error:
            raise GatewayError(Code.UNAVAILABLE, str(error)) from None

    def get(self, id_: str) -> Instance:
        """One of them.

        Raises:
            GatewayError: NOT_FOUND.
        """
        if id_ not in self._instances:
            raise GatewayError(Code.NOT_FOUND, f"there is no instance {id_}")
        return self._instances[id_]

    def of(self, plugin: str) -> list[Instance]:
        """All instances of a plugin."""
        return [instance for instance in self if instance.spec.plugin == plugin]

    def offer(self, event: Event) -> None:
        """Bring an event to whoever subscribed to it. Returns at once."""
        for instance in self._instances.values():
            instance.offer(event)

    async def _shelter(
        self, closing: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Instances end after the gateway wants to, in bounded time."""
        with trio.CancelScope(shield=True) as scope:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await closing.wait()
                self._nursery = None
                scope.deadline = trio.current_time() + FAREWELL_S
                async with trio.open_nursery() as leaving:
                    for instance in self:
                        leaving.start_soon(instance.deactivate, None)
                nursery.cancel_scope.cancel()

    @staticmethod
    async def _keep(instance: Instance, scope: trio.CancelScope) -> None:
        with scope:
            # One that falls by a fault of ours takes no other with it.
            await supervise(f"plugin instance {instance.spec.instance}", instance.run)
