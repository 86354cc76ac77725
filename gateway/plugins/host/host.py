"""All instances: added, found, given what is for them, and ended together."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import NotKept
from gateway.core.events import Event
from gateway.core.supervise import supervise
from gateway.plugins.host.ground import Ground, GroundError
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.states import Spec
from gateway.plugins.host.surroundings import Surroundings

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
        closing, ready = trio.Event(), trio.Event()
        async with trio.open_nursery() as nursery:
            # By no ``start``: that would wait for it where this is cancelled meanwhile, and it for ``closing``.
            nursery.start_soon(self._shelter, closing, ready)
            try:
                await ready.wait()
                task_status.started()
                await trio.sleep_forever()
            finally:
                closing.set()

    async def add(self, spec: Spec) -> Instance:
        """Take an instance; it is inactive.

        Raises:
            GatewayError: INVALID, for a permission there is none of; CONFLICT, there is one of this id; UNAVAILABLE, it
                has no place on the disk.
        """
        await self._around.runner.look()
        try:
            place = await trio.to_thread.run_sync(self._ground.prepare, spec.instance)
        except GroundError as error:
            raise GatewayError(Code.UNAVAILABLE, str(error)) from None
        if self._nursery is None:
            raise GatewayError(Code.UNAVAILABLE, "the gateway is starting or ending")
        if spec.instance in self._instances:
            raise GatewayError(Code.CONFLICT, f"there is an instance {spec.instance} already")
        instance = Instance(spec, place, self._around)
        self._instances[spec.instance] = instance
        self._scopes[spec.instance] = scope = trio.CancelScope()
        self._nursery.start_soon(self._keep, instance, scope)
        return instance

    async def remove(self, id_: str, by: str | None) -> None:
        """End an instance, and forget it with all it kept.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE, it has ended, and what it kept cannot be removed: ``erase`` it later.
        """
        instance = self.get(id_)
        await instance.deactivate(by)
        self._drop(instance)
        self._around.services.tags.forget(instance.caller)
        await self.erase(id_)

    async def replace(self, spec: Spec, by: str | None) -> Instance:
        """End an instance and take another one of the same id, which has all it kept; it is inactive.

        Raises:
            GatewayError: NOT_FOUND; as ``add``, and then there is none of this id.
        """
        instance = self.get(spec.instance)
        await instance.deactivate(by)
        # Its tags stay, and are bad until it says them again.
        self._drop(instance)
        try:
            return await self.add(spec)
        except GatewayError:
            self._around.services.tags.forget(instance.caller)
            raise

    async def erase(self, id_: str) -> None:
        """Remove what an instance kept that is no more: its files, and its values.

        Raises:
            GatewayError: UNAVAILABLE, the disk does not let go of it; CONFLICT, it is there.
        """
        if id_ in self._instances:
            raise GatewayError(Code.CONFLICT, f"the instance {id_} is there: remove it")
        try:
            await self._around.services.storage.forget(id_)
            await trio.to_thread.run_sync(self._ground.remove, id_)
        except (GroundError, NotKept) as error:
            raise GatewayError(Code.UNAVAILABLE, str(error)) from None

    async def left_behind(self, known: Collection[str]) -> list[str]:
        """Directories of instances that are not among those who are known."""
        return await trio.to_thread.run_sync(self._ground.left_behind, frozenset(known))

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

    def wants(self, type_: str) -> bool:
        """Whether any instance takes events of a type now."""
        return any(instance.wants(type_) for instance in self._instances.values())

    def offer(self, event: Event) -> None:
        """Bring an event to whoever subscribed to it. Returns at once."""
        for instance in self._instances.values():
            instance.offer(event)

    def _drop(self, instance: Instance) -> None:
        id_ = instance.spec.instance
        if self._instances.pop(id_, None) is not None:
            self._scopes.pop(id_).cancel()

    async def _shelter(self, closing: trio.Event, ready: trio.Event) -> None:
        """Instances end after the gateway wants to, in bounded time."""
        with trio.CancelScope(shield=True) as scope:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                ready.set()
                try:
                    await closing.wait()
                finally:
                    self._nursery = None
                scope.deadline = trio.current_time() + FAREWELL_S
                async with trio.open_nursery() as leaving:
                    for instance in self:
                        leaving.start_soon(instance.deactivate, None)
                nursery.cancel_scope.cancel()
        self._ground.close()

    @staticmethod
    async def _keep(instance: Instance, scope: trio.CancelScope) -> None:
        with scope:
            # One that falls by a fault of ours takes no other with it.
            await supervise(f"plugin instance {instance.spec.instance}", instance.run)
