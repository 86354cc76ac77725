"""``/v1/plugins/{id}/reviews`` and ``/v1/reviews``: what people think of plugins (D-108)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import trio
from msgspec import UNSET

from gateway.api.replies import ReplyHeaders
from gateway.api.rest.etags import check_match, etag_header, etag_of
from gateway.api.rest.paging import Pages, numbered
from gateway.api.rest.plugin_models import (
    PLUGINS,
    REVIEWS,
    ReviewBody,
    ReviewChanges,
    ReviewResource,
    review_resource,
)
from gateway.api.rest.route import Answer, Call, Form, Route, listed
from gateway.api.rest.shapes import Nothing
from gateway.core.plugins import Review
from gateway.core.ports import Json
from gateway.plugins.registry.reviews import Reviews

_OF_PLUGIN = f"{PLUGINS}/{{plugin_id}}/reviews"
_ONE = f"{REVIEWS}/{{review_id}}"
# Whoever may install plugins may say how they did.
_WRITE = "instances:write"

_Bare = Call[None, Nothing]


class ReviewRoutes:
    """What can be asked of reviews.

    Args:
        reviews: all of them.
    """

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews
        # Between a look at one and its change nobody else changes it.
        self._changing = trio.Lock()

    async def list(self, call: Call[None, Pages]) -> Answer:
        """GET: those of a plugin."""
        pages = call.query
        found, total = await self._reviews.list(call.path["plugin_id"], (pages.number - 1) * pages.size, pages.size)
        return listed(numbered([review_resource(review) for review in found], total, pages, call.target))

    async def write(self, call: Call[ReviewBody, Nothing]) -> Answer:
        """POST: another one."""
        body = call.body
        made = await self._reviews.write(call.origin.principal, call.path["plugin_id"], body.stars, body.text)
        place = (b"location", f"{REVIEWS}/{made.id}".encode())
        return Answer(data=review_resource(made), headers=(place, *_tag(made)), target=made.id)

    async def get(self, call: _Bare) -> Answer:
        """GET: one."""
        found = await self._reviews.get(call.path["review_id"])
        return Answer(data=review_resource(found), headers=_tag(found))

    async def change(self, call: Call[ReviewChanges, Nothing]) -> Answer:
        """PATCH: one's own."""
        body = call.body
        stars = None if body.stars is UNSET else body.stars
        text = None if body.text is UNSET else body.text or ""
        async with self._changing:
            await self._seen(call)
            changed = await self._reviews.change(call.origin.principal, call.path["review_id"], stars, text)
        return Answer(data=review_resource(changed), headers=_tag(changed))

    async def remove(self, call: _Bare) -> Answer:
        """DELETE: one's own, or any for who may rule over plugins."""
        async with self._changing:
            await self._seen(call)
            await self._reviews.remove(call.origin.principal, call.path["review_id"])
        return Answer()

    async def _seen(self, call: Call[Any, Nothing]) -> None:
        """See that the caller means the review as it stands."""
        check_match(call.origin.scope, _state(await self._reviews.get(call.path["review_id"])))


def _state(review: Review) -> bytes:
    """The entity tag of what can be written of it."""
    return etag_of([review.stars, review.text])


def _tag(review: Review) -> ReplyHeaders:
    return etag_header(_state(review))


def _stars(call: Call[ReviewBody, Nothing]) -> Mapping[str, Json]:
    return {"plugin": call.path["plugin_id"], "stars": call.body.stars}


def review_routes(reviews: Reviews) -> tuple[Route, ...]:
    """The routes of reviews."""
    work = ReviewRoutes(reviews)
    documents = partial(Route, resource="review", result=ReviewResource, takes=Form.DOCUMENT, gives=Form.DOCUMENT)
    read = partial(documents, scope="plugins:read", audited=False)
    write = partial(documents, scope=_WRITE)
    return (
        read(
            name="review.list",
            method="GET",
            path=_OF_PLUGIN,
            run=work.list,
            summary="List reviews of a plugin",
            listing=True,
            query=Pages,
        ),
        write(
            name="review.write",
            method="POST",
            path=_OF_PLUGIN,
            run=work.write,
            summary="Review a plugin",
            status=201,
            body=ReviewBody,
            noted=_stars,
        ),
        read(name="review.get", method="GET", path=_ONE, run=work.get, summary="Show a review"),
        write(
            name="review.change",
            method="PATCH",
            path=_ONE,
            run=work.change,
            summary="Change one's own review",
            body=ReviewChanges,
        ),
        write(
            name="review.remove",
            method="DELETE",
            path=_ONE,
            run=work.remove,
            summary="Remove a review",
            result=None,
            status=204,
        ),
    )
