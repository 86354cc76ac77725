"""``/v1/webhooks``: registrations, and what became of each event (D-010, D-140 to D-149)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

import trio

from gateway.api.params import moment
from gateway.api.rest.etags import check_match, etag_header, etag_of
from gateway.api.rest.paging import Pages, link_header, page
from gateway.api.rest.ports import Webhooks
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Nothing
from gateway.api.rest.webhook_models import (
    DeliveryQuery,
    DeliveryRow,
    NewSecret,
    Range,
    Redelivered,
    TestResult,
    Webhook,
    WebhookBody,
    WebhookChanges,
    attempt_row,
    delivery_row,
    state_of,
    test_row,
    webhook_row,
    written,
)
from gateway.api.rest.webhook_views import RegisteredWebhook, ShownWebhook
from gateway.core import rfc3339
from gateway.core.errors import invalid
from gateway.core.ports import Json

_ALL = "/v1/webhooks"
_ONE = f"{_ALL}/{{webhook_id}}"
_DELIVERIES = f"{_ONE}/deliveries"
_DELIVERY = f"{_DELIVERIES}/{{delivery_id}}"

_Bare = Call[None, Nothing]


class WebhookRoutes:
    """What can be asked of webhooks.

    Args:
        webhooks: the service.
    """

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks
        # Between a look at the state and its change nobody else changes it.
        self._changing = trio.Lock()

    async def list(self, call: Call[None, Pages]) -> Answer:
        """GET: all of them."""
        rows = await self._webhooks.list(call.origin.principal)
        return listed(page(rows, call.query, call.target, webhook_row))

    async def create(self, call: Call[WebhookBody, Nothing]) -> Answer:
        """POST: another one, with its secret for the receiver."""
        made = await self._webhooks.create(call.origin.principal, written(call.body))
        place = f"{_ALL}/{made.webhook.id}".encode()
        answer = _signed(made)
        return Answer(data=answer.data, headers=(*answer.headers, (b"location", place)), target=made.webhook.id)

    async def get(self, call: _Bare) -> Answer:
        """GET: one."""
        return _answer(await self._webhooks.get(call.origin.principal, call.path["webhook_id"]))

    async def replace(self, call: Call[WebhookBody, Nothing]) -> Answer:
        """PUT: other members, every one."""
        async with self._changing:
            id_ = await self._seen(call)
            return _answer(await self._webhooks.replace(call.origin.principal, id_, written(call.body)))

    async def patch(self, call: Call[WebhookChanges, Nothing]) -> Answer:
        """PATCH: some other members."""
        async with self._changing:
            id_ = await self._seen(call)
            return _answer(await self._webhooks.patch(call.origin.principal, id_, written(call.body)))

    async def remove(self, call: _Bare) -> Answer:
        """DELETE."""
        async with self._changing:
            await self._webhooks.remove(call.origin.principal, await self._seen(call))
        return Answer()

    async def rotate_secret(self, call: Call[NewSecret | None, Nothing]) -> Answer:
        """POST: another secret, with the one before for a day."""
        secret = None if call.body is None else call.body.secret
        return _signed(await self._webhooks.rotate_secret(call.origin.principal, call.path["webhook_id"], secret))

    async def test(self, call: _Bare) -> Answer:
        """POST: send something now, and say what became of it."""
        return Answer(data=test_row(await self._webhooks.test(call.origin.principal, call.path["webhook_id"])))

    async def pause(self, call: _Bare) -> Answer:
        """POST: deliver nothing for now."""
        return _answer(await self._webhooks.pause(call.origin.principal, call.path["webhook_id"]))

    async def resume(self, call: _Bare) -> Answer:
        """POST: deliver again."""
        return _answer(await self._webhooks.resume(call.origin.principal, call.path["webhook_id"]))

    async def deliveries(self, call: Call[None, DeliveryQuery]) -> Answer:
        """GET: deliveries, newest first."""
        query = call.query
        found = await self._webhooks.deliveries(
            call.origin.principal,
            call.path["webhook_id"],
            status=query.wanted,
            event_type=query.event_type,
            before=query.before,
            limit=query.limit,
        )
        links = {"self": call.target.link()}
        if len(found) == query.limit:
            links["next"] = call.target.link(before=found[-1].id)
        return Answer(data=[delivery_row(row) for row in found], links=links, headers=link_header(links))

    async def delivery(self, call: _Bare) -> Answer:
        """GET: one delivery with its attempts."""
        row, attempts = await self._webhooks.delivery(
            call.origin.principal, call.path["webhook_id"], call.path["delivery_id"]
        )
        return Answer(data=delivery_row(row, [attempt_row(attempt) for attempt in attempts]))

    async def redeliver(self, call: _Bare) -> Answer:
        """POST: deliver an event again."""
        path = call.path
        again = await self._webhooks.redeliver(call.origin.principal, path["webhook_id"], path["delivery_id"])
        place = f"{_ALL}/{path['webhook_id']}/deliveries/{again.id}".encode()
        return Answer(data=delivery_row(again), headers=((b"location", place),), target=path["delivery_id"])

    async def redeliver_range(self, call: Call[Range, Nothing]) -> Answer:
        """POST: deliver again what happened within a stretch of time."""
        start, end = moment("start", call.body.start), moment("end", call.body.end)
        if end < start:
            raise invalid("end", "lies before start", call.body.end)
        id_ = call.path["webhook_id"]
        number = await self._webhooks.redeliver_range(call.origin.principal, id_, start, end)
        return Answer(data=Redelivered(id_, rfc3339.seconds(start), rfc3339.seconds(end), number))

    async def _seen(self, call: Call[WebhookBody, Nothing] | Call[WebhookChanges, Nothing] | _Bare) -> str:
        """The id of a webhook, whose state the caller knows where it says which one it means."""
        id_ = call.path["webhook_id"]
        check_match(call.origin.scope, etag_of(state_of(await self._webhooks.get(call.origin.principal, id_))))
        return id_


def _answer(row: ShownWebhook) -> Answer:
    return Answer(data=webhook_row(row), headers=etag_header(etag_of(state_of(row))))


def _signed(made: RegisteredWebhook) -> Answer:
    row = made.webhook
    return Answer(data=webhook_row(row, made.signing_secret), headers=etag_header(etag_of(state_of(row))))


def _where(call: Call[WebhookBody, Nothing]) -> Mapping[str, Json]:
    """The host alone: many receivers have a secret in the rest of their URL."""
    try:
        host = urlsplit(call.body.url).hostname
    except ValueError:
        host = None
    return {"host": host, "events": call.body.events[:10]}


def _what(call: Call[WebhookChanges, Nothing]) -> Mapping[str, Json]:
    return {"changed": sorted(written(call.body))}


def _range(call: Call[Range, Nothing]) -> Mapping[str, Json]:
    return {"start": call.body.start, "end": call.body.end}


def webhook_routes(webhooks: Webhooks) -> tuple[Route, ...]:
    """All of ``/v1/webhooks``."""
    work = WebhookRoutes(webhooks)
    read = partial(Route, scope="webhooks:read", resource="webhook", result=Webhook, audited=False)
    write = partial(Route, scope="webhooks:write", resource="webhook", result=Webhook)
    seed, addition = "seed", "addition"
    return (
        read(
            name="webhook.list",
            method="GET",
            path=_ALL,
            run=work.list,
            summary="List registered webhooks",
            listing=True,
            query=Pages,
            origin=seed,
        ),
        write(
            name="webhook.create",
            method="POST",
            path=_ALL,
            run=work.create,
            summary="Register webhook endpoint",
            status=201,
            body=WebhookBody,
            noted=_where,
            origin=seed,
        ),
        read(name="webhook.get", method="GET", path=_ONE, run=work.get, summary="Show a webhook", origin=addition),
        write(
            name="webhook.replace",
            method="PUT",
            path=_ONE,
            run=work.replace,
            summary="Update webhook configuration",
            body=WebhookBody,
            noted=_where,
            origin=seed,
        ),
        write(
            name="webhook.change",
            method="PATCH",
            path=_ONE,
            run=work.patch,
            summary="Change some of a webhook",
            body=WebhookChanges,
            noted=_what,
        ),
        write(
            name="webhook.remove",
            method="DELETE",
            path=_ONE,
            run=work.remove,
            summary="Remove webhook registration",
            result=None,
            status=204,
            origin=seed,
        ),
        write(
            name="webhook.rotate_secret",
            method="POST",
            path=f"{_ONE}/rotate-secret",
            run=work.rotate_secret,
            summary="Sign with another secret, for a day with the one before as well",
            body=NewSecret,
            body_needed=False,
        ),
        write(
            name="webhook.test",
            method="POST",
            path=f"{_ONE}/test",
            run=work.test,
            summary="Send webhook:test now and tell what became of it",
            result=TestResult,
        ),
        write(
            name="webhook.pause",
            method="POST",
            path=f"{_ONE}/pause",
            run=work.pause,
            summary="Deliver nothing until it is resumed",
        ),
        write(name="webhook.resume", method="POST", path=f"{_ONE}/resume", run=work.resume, summary="Deliver again"),
        read(
            name="webhook.deliveries",
            method="GET",
            path=_DELIVERIES,
            run=work.deliveries,
            summary="List deliveries, newest first",
            result=DeliveryRow,
            resource="delivery",
            listing=True,
            query=DeliveryQuery,
        ),
        read(
            name="webhook.delivery",
            method="GET",
            path=_DELIVERY,
            run=work.delivery,
            summary="Show a delivery with its attempts",
            result=DeliveryRow,
            resource="delivery",
        ),
        write(
            name="webhook.redeliver",
            method="POST",
            path=f"{_DELIVERY}/redeliver",
            run=work.redeliver,
            summary="Deliver an event again",
            status=202,
            result=DeliveryRow,
            resource="delivery",
        ),
        write(
            name="webhook.redeliver_range",
            method="POST",
            path=f"{_ONE}/redeliver",
            run=work.redeliver_range,
            summary="Deliver again what happened within a stretch of time",
            status=202,
            body=Range,
            result=Redelivered,
            noted=_range,
        ),
    )
