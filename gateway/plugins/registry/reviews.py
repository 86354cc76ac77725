"""What people say of plugins: one review each of everybody (D-108)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.kept import kept
from gateway.core.plugins import PluginStore, Review
from gateway.core.principal import Principal
from gateway.plugins.registry.registry import ADMIN


class Reviews:
    """The reviews of all plugins. Everything raises UNAVAILABLE for a disk in trouble.

    Args:
        store: keeps them.
        wall: Unix seconds.
    """

    def __init__(self, store: PluginStore, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._changing = trio.Lock()

    async def list(self, plugin: str, offset: int, limit: int) -> tuple[Sequence[Review], int]:
        """Reviews of a plugin, oldest first, and how many there are.

        Raises:
            GatewayError: NOT_FOUND, there is no such plugin.
        """
        async with kept():
            await self._see(plugin)
            return await self._store.reviews(plugin, offset, limit)

    async def get(self, id_: str) -> Review:
        """One review.

        Raises:
            GatewayError: NOT_FOUND, as for everything here that names one.
        """
        async with kept():
            review = await self._store.review(id_)
        if review is None:
            raise GatewayError(Code.NOT_FOUND, f"there is no review {id_}")
        return review

    async def write(self, by: Principal, plugin: str, stars: int, text: str) -> Review:
        """Take a review; on the disk when this returns.

        Raises:
            GatewayError: NOT_FOUND, there is no such plugin; CONFLICT, the caller has written one.
        """
        async with kept(), self._changing:
            await self._see(plugin)
            before = await self._store.review_of(plugin, by.subject)
            if before is not None:
                raise GatewayError(
                    Code.CONFLICT,
                    f"{by.subject} has written {before.id} of {plugin} already: change that one",
                )
            return await self._store.add_review(plugin, by.subject, stars, text, self._wall())

    async def change(self, by: Principal, id_: str, stars: int | None, text: str | None) -> Review:
        """Give a review other stars or another text; None leaves them.

        Raises:
            GatewayError: FORBIDDEN, it is another's.
        """
        async with kept(), self._changing:
            review = await self.get(id_)
            if review.subject != by.subject:
                raise GatewayError(Code.FORBIDDEN, f"{id_} is the review of another")
            changed = replace(
                review,
                stars=review.stars if stars is None else stars,
                text=review.text if text is None else text,
                updated=self._wall(),
            )
            await self._store.change_review(changed)
            return changed

    async def remove(self, by: Principal, id_: str) -> None:
        """Forget a review.

        Raises:
            GatewayError: FORBIDDEN, it is another's, and the caller no administrator.
        """
        async with kept(), self._changing:
            review = await self.get(id_)
            if review.subject != by.subject and not by.may(ADMIN):
                raise GatewayError(Code.FORBIDDEN, f"{id_} is the review of another")
            await self._store.remove_review(id_)

    async def _see(self, plugin: str) -> None:
        if await self._store.find(plugin) is None:
            raise GatewayError(Code.NOT_FOUND, f"there is no plugin {plugin}")
