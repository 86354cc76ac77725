"""``/v1/instances``: what is installed (IN-01 to IN-16). Documents are those of JSON:API 1.1 (ruling 8)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec import UNSET

from gateway.api.rest.documents import RELATED
from gateway.api.rest.etags import check_match, etag_header, etag_of
from gateway.api.rest.instance_models import (
    INSTANCES,
    ConfigBody,
    InstanceBody,
    InstanceChanges,
    InstanceLinks,
    InstanceQuery,
    InstanceResource,
    LogLine,
    LogQuery,
    change_of,
    instance_resource,
    log_line,
    ordered,
    state_of,
    wanted,
)
from gateway.api.rest.instance_status import StatusResource, status_resource
from gateway.api.rest.paging import link_header, numbered
from gateway.api.rest.problems import Problem, Source, problem_of
from gateway.api.rest.route import Answer, Call, Form, Route, listed
from gateway.api.rest.shapes import Nothing
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.core.principal import Principal
from gateway.plugins.instances.instances import Instances
from gateway.plugins.instances.order import ADMIN, Change, Shown
from gateway.plugins.instances.refusal import ConfigError

_ONE = f"{INSTANCES}/{{instance_id}}"

_Bare = Call[None, Nothing]


class InstanceRoutes:
    """What can be asked of instances.

    Args:
        instances: all of them.
    """

    def __init__(self, instances: Instances) -> None:
        self._instances = instances

    async def list(self, call: Call[None, InstanceQuery]) -> Answer:
        """GET: those of the caller that are wanted."""
        found, total = await self._instances.list(call.origin.principal, wanted(call.query))
        return listed(numbered([instance_resource(shown) for shown in found], total, call.query, call.target))

    async def install(self, call: Call[InstanceBody, Nothing]) -> Answer:
        """POST: another one."""
        with _placed():
            made = await self._instances.install(call.origin.principal, ordered(call.body, _links(call)))
        answer = _answered(made)
        place = (b"location", f"{INSTANCES}/{made.kept.id}".encode())
        return Answer(data=answer.data, headers=(*answer.headers, place), target=made.kept.id)

    async def get(self, call: _Bare) -> Answer:
        """GET: one."""
        return _answered(await self._instances.get(call.origin.principal, call.path["instance_id"]))

    async def change(self, call: Call[InstanceChanges, Nothing]) -> Answer:
        """PATCH: say some of it anew."""
        return await self._change(call, change_of(call.body))

    async def configure(self, call: Call[ConfigBody, Nothing]) -> Answer:
        """PUT: another configuration."""
        return await self._change(call, Change(config=call.body.config))

    async def reconfigure(self, call: Call[ConfigBody, Nothing]) -> Answer:
        """PATCH: say some of the configuration anew."""
        return await self._change(call, Change(config=call.body.config, merge=True))

    async def remove(self, call: _Bare) -> Answer:
        """DELETE: stop it, and forget it."""
        await self._instances.uninstall(call.origin.principal, call.path["instance_id"], _seen_by(call))
        return Answer()

    async def status(self, call: _Bare) -> Answer:
        """GET: how it is."""
        return Answer(data=status_resource(await self._instances.get(call.origin.principal, call.path["instance_id"])))

    async def logs(self, call: Call[None, LogQuery]) -> Answer:
        """GET: lines of its log, oldest first."""
        query = call.query
        found = await self._instances.logs(call.origin.principal, call.path["instance_id"], query.size, query.after)
        links = {"self": call.target.link()}
        if found:
            links["next"] = call.target.with_({"page[after]": str(found[-1].number)})
        return Answer(data=[log_line(note) for note in found], links=links, headers=link_header(links))

    def done(self, do: Callable[[Principal, str], Awaitable[Shown]]) -> Callable[[_Bare], Awaitable[Answer]]:
        """POST: do something with it, and show what became of it."""

        async def run(call: _Bare) -> Answer:
            return _answered(await do(call.origin.principal, call.path["instance_id"]))

        return run

    async def _change(self, call: Call[Any, Nothing], change: Change) -> Answer:
        by, id_ = call.origin.principal, call.path["instance_id"]
        with _placed():
            return _answered(await self._instances.change(by, id_, change, _seen_by(call)))


def _seen_by(call: Call[Any, Nothing]) -> Callable[[Shown], None]:
    """Sees that the caller knows the state there is, where it says which one it means."""
    return lambda shown: check_match(call.origin.scope, etag_of(state_of(shown)))


@contextmanager
def _placed() -> Iterator[None]:
    """What is wrong is told by the exact place, whatever its name has in it."""
    try:
        yield
    except ConfigError as error:
        steps = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.place)
        raise problem_of(error, Source("pointer", f"/data/attributes/config{steps}")) from None
    except GatewayError as error:
        if error.field in {"owner", "plugin"} and error.code is not Code.UNAVAILABLE:
            raise problem_of(error, Source("pointer", f"{RELATED}/{error.field}")) from None
        raise


def _links(call: Call[InstanceBody, Nothing]) -> InstanceLinks:
    if not isinstance(call.related, InstanceLinks):
        raise Problem(422, "invalid", "plugin: is required.", source=Source("pointer", f"{RELATED}/plugin"))
    return call.related


def _answered(shown: Shown) -> Answer:
    return Answer(data=instance_resource(shown), headers=etag_header(etag_of(state_of(shown))))


def _what(call: Call[InstanceBody, Nothing]) -> Mapping[str, Json]:
    order = ordered(call.body, _links(call))
    owner = None if order.owner is None else f"{order.owner.type}:{order.owner.id}"
    return {"plugin": order.plugin, "owner": owner, "permissions": list(order.permissions)}


def _which(call: Call[InstanceChanges, Nothing]) -> Mapping[str, Json]:
    body = call.body
    given = [name for name in body.__struct_fields__ if getattr(body, name) is not UNSET]
    granted = {} if body.permissions is UNSET else {"permissions": list(body.permissions)}
    version = {} if body.version is UNSET else {"version": body.version}
    return {"changed": given, **granted, **version}


def _members(call: Call[ConfigBody, Nothing]) -> Mapping[str, Json]:
    """Names alone: what stands there may be secret."""
    return {"changed": [name[:100] for name in sorted(call.body.config)[:20]]}


def instance_routes(instances: Instances) -> tuple[Route, ...]:
    """The routes of instances."""
    work = InstanceRoutes(instances)
    documents = partial(
        Route, resource="plugin-instance", result=InstanceResource, takes=Form.DOCUMENT, gives=Form.DOCUMENT
    )
    read = partial(documents, scope="instances:read", audited=False)
    write = partial(documents, scope="instances:write")
    rule = partial(documents, scope=ADMIN)
    return (
        read(
            name="instance.list",
            method="GET",
            path=INSTANCES,
            run=work.list,
            summary="List installed plugin instances",
            listing=True,
            query=InstanceQuery,
            origin="seed",
        ),
        documents(
            name="instance.install",
            method="POST",
            path=INSTANCES,
            scope="instances:create",
            run=work.install,
            summary="Install a plugin instance for a user or organization",
            status=201,
            body=InstanceBody,
            related=InstanceLinks,
            noted=_what,
            origin="seed",
        ),
        read(
            name="instance.get",
            method="GET",
            path=_ONE,
            run=work.get,
            summary="Get plugin instance details and status",
            origin="seed",
        ),
        write(
            name="instance.change",
            method="PATCH",
            path=_ONE,
            run=work.change,
            summary="Change some of an instance: configuration, permissions, version",
            body=InstanceChanges,
            noted=_which,
        ),
        write(
            name="instance.remove",
            method="DELETE",
            path=_ONE,
            run=work.remove,
            summary="Stop an instance, and remove it with all it kept",
            result=None,
            status=204,
        ),
        write(
            name="instance.configure",
            method="PUT",
            path=f"{_ONE}/config",
            run=work.configure,
            summary="Update plugin instance configuration",
            body=ConfigBody,
            noted=_members,
            origin="seed",
        ),
        write(
            name="instance.reconfigure",
            method="PATCH",
            path=f"{_ONE}/config",
            run=work.reconfigure,
            summary="Change some of an instance's configuration",
            body=ConfigBody,
            noted=_members,
        ),
        write(
            name="instance.activate",
            method="POST",
            path=f"{_ONE}/activate",
            run=work.done(instances.activate),
            summary="Activate plugin instance",
            origin="seed",
        ),
        write(
            name="instance.deactivate",
            method="POST",
            path=f"{_ONE}/deactivate",
            run=work.done(instances.deactivate),
            summary="Deactivate plugin instance",
            origin="seed",
        ),
        rule(
            name="instance.suspend",
            method="POST",
            path=f"{_ONE}/suspend",
            run=work.done(instances.suspend),
            summary="Have an instance stop, and not be activated",
        ),
        rule(
            name="instance.resume",
            method="POST",
            path=f"{_ONE}/resume",
            run=work.done(instances.resume),
            summary="Let an instance be activated again",
        ),
        read(
            name="instance.status",
            method="GET",
            path=f"{_ONE}/status",
            run=work.status,
            summary="Show how an instance does",
            result=StatusResource,
            resource="instance-status",
        ),
        read(
            name="instance.logs",
            method="GET",
            path=f"{_ONE}/logs",
            run=work.logs,
            summary="Show the newest lines of an instance's log",
            result=LogLine,
            resource="log-line",
            listing=True,
            query=LogQuery,
        ),
    )
