"""A table of routes that exists for tests alone."""

from __future__ import annotations

from typing import Annotated

import msgspec
import trio
from msgspec import Meta

from gateway.api.rest.etags import check_match, etag_header, etag_of
from gateway.api.rest.paging import Pages, page
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Model, Nothing
from gateway.core.errors import Code, GatewayError, invalid


class Depth(Model, frozen=True):
    metres: Annotated[int, Meta(ge=1, le=9)]


class Well(Model, frozen=True):
    """What is sent to make a well."""

    name: str
    depths: tuple[Depth, ...] = ()
    secret: str = ""


class Shown(msgspec.Struct, frozen=True):
    id: str
    name: str


class Search(Pages, frozen=True):
    dry: bool = False


WELLS = [Shown(f"w{number}", f"well {number}") for number in range(60)]


async def show_all(call: Call[None, Search]) -> Answer:
    return listed(page([] if call.query.dry else WELLS, call.query, call.target, lambda well: well))


async def make(call: Call[Well, Nothing]) -> Answer:
    if call.body.name == "taken":
        raise GatewayError(Code.CONFLICT, "there is a well of this name", field="name")
    if call.body.name == "slow":
        await trio.sleep_forever()
    if call.body.name == "broken":
        raise RuntimeError("a fault of ours")
    if call.body.name == "later":
        raise GatewayError(Code.UNAVAILABLE, "the disk is full", details={"retryAfter": 7, "rowsWaiting": 3})
    if call.body.depths and call.body.depths[0].metres == 3:
        raise invalid("depths[0].metres", "there is rock at 3 m")
    made = Shown("w99", call.body.name)
    return Answer(data=made, headers=((b"location", b"/v1/wells/w99"),), target="w99")


async def change(call: Call[Well, Nothing]) -> Answer:
    [well] = [well for well in WELLS if well.id == call.path["well_id"]]
    tag = etag_of(well)
    check_match(call.origin.scope, tag)
    return Answer(data=well, headers=etag_header(tag))


async def remove(call: Call[None, Nothing]) -> Answer:
    if call.path["well_id"] != "w1":
        raise GatewayError(Code.NOT_FOUND, f"there is no well {call.path['well_id']}")
    return Answer()


TABLE = (
    Route(
        name="well.list",
        method="GET",
        path="/v1/wells",
        run=show_all,
        scope="devices:read",
        summary="all wells",
        resource="well",
        result=Shown,
        listing=True,
        query=Search,
        audited=False,
    ),
    Route(
        name="well.make",
        method="POST",
        path="/v1/wells",
        run=make,
        scope="devices:write",
        summary="make a well",
        resource="well",
        result=Shown,
        status=201,
        body=Well,
        noted=lambda call: {"name": call.body.name, "secret": call.body.secret},
    ),
    Route(
        name="well.change",
        method="PATCH",
        path="/v1/wells/{well_id}",
        run=change,
        scope="devices:write",
        summary="change a well",
        resource="well",
        result=Shown,
        body=Well,
    ),
    Route(
        name="well.remove",
        method="DELETE",
        path="/v1/wells/{well_id}",
        run=remove,
        scope="devices:write",
        summary="remove a well",
        resource="well",
        result=None,
        status=204,
    ),
)
