"""``tag.list``, ``tag.read``, ``tag.write`` and ``tag.history``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.api.dispatch import Method, method, told
from gateway.api.methods.outcome import UNKNOWN_AT_DEADLINE
from gateway.api.noted import Noted
from gateway.api.origin import Origin
from gateway.api.params import Name, ParamsModel, Seconds, moment, seconds
from gateway.api.readings import history_sample, readings, tag_row, write_result
from gateway.core.audit import AuditLog
from gateway.core.errors import GatewayError, invalid
from gateway.core.ports import DeviceAccess, History, Json

MAX_TAGS = 1000
MAX_SAMPLES = 10_000


class TagList(ParamsModel, frozen=True):
    """Parameters of ``tag.list``; without ``limit``, all that match."""

    line: Name | None = None
    device: Name | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    offset: Annotated[int, Meta(ge=0)] = 0


class TagRead(ParamsModel, frozen=True):
    """Parameters of ``tag.read``; readings older than ``maxAge`` seconds are fetched from the device first."""

    tags: Annotated[list[Name], Meta(min_length=1, max_length=MAX_TAGS)]
    max_age: Seconds | None = None


class TagWrite(ParamsModel, frozen=True):
    """Parameters of ``tag.write``; with ``lease`` seconds, the tag's safe value follows unless written again."""

    tag: Name
    value: bool | int | float | str
    lease: Annotated[float, Meta(gt=0, le=86400)] | None = None


class TagHistory(ParamsModel, frozen=True):
    """Parameters of ``tag.history``; times as RFC 3339 or Unix seconds, resolution in seconds or as ``"1m"``."""

    tag: Name
    start: str | float
    end: str | float
    resolution: str | float | None = None


def _filter(params: TagList) -> tuple[str | None, str | None]:
    """The line and the device asked for; a device may be named as ``device.list`` does it: ``line/device``."""
    owner, slash, device = (params.device or "").rpartition("/")
    if not slash or params.line not in (None, owner):
        return params.line, params.device
    return owner, device


def tag_methods(devices: DeviceAccess, history: History, audit: AuditLog) -> dict[str, Method]:
    """The namespace ``tag``."""
    written = Noted(audit, "tag.write")

    async def list_tags(params: TagList) -> object:
        rows = devices.tags(*_filter(params))
        end = None if params.limit is None else params.offset + params.limit
        return {"tags": [tag_row(row) for row in rows[params.offset : end]], "total": len(rows)}

    async def read(params: TagRead) -> object:
        return {"readings": readings(await devices.read(params.tags, params.max_age))}

    async def write(params: TagWrite, origin: Origin) -> object:
        details: dict[str, Json] = {"value": params.value}
        if params.lease is not None:
            details["lease"] = params.lease
        work = devices.write(params.tag, params.value, params.lease, origin.principal)
        return write_result(await written.write(origin, params.tag, details, work))

    async def past(params: TagHistory) -> object:
        start, end = moment("start", params.start), moment("end", params.end)
        if end < start:
            raise invalid("end", "lies before start", params.end)
        resolution = None if params.resolution is None else seconds("resolution", params.resolution)
        if resolution is not None and resolution <= 0:
            raise invalid("resolution", "must be more than 0", params.resolution)
        found = await history.samples(params.tag, start, end, resolution, MAX_SAMPLES + 1)
        if not found:
            # Tags taken out of the configuration keep their history; a name nobody ever used is a mistake.
            try:
                await devices.read([params.tag], None)
            except GatewayError as error:
                raise invalid("tag", error.reason, params.tag) from None
        return {
            "samples": [history_sample(sample, summed=resolution is not None) for sample in found[:MAX_SAMPLES]],
            "truncated": len(found) > MAX_SAMPLES,
        }

    return {
        "tag.list": method(TagList, list_tags, scope="devices:read"),
        "tag.read": method(TagRead, read, scope="devices:read"),
        "tag.write": told(TagWrite, write, scope="devices:write", at_deadline=UNKNOWN_AT_DEADLINE),
        "tag.history": method(TagHistory, past, scope="devices:read"),
    }
