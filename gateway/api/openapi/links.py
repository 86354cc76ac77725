"""Where an answer leads to: the operations on what was made (OpenAPI 3.1, 4.8.20)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from gateway.api.openapi.schemas import Schema
from gateway.api.rest.route import Route

_VARIABLE = re.compile(r"{(\w+)}")


def links_of(route: Route, routes: Sequence[Route], operation_id: Mapping[str, str]) -> Mapping[str, Schema]:
    """Links from the answer of a route that makes something, or lists what nobody makes here.

    Args:
        route: that gives the answer.
        routes: all of them.
        operation_id: of each route, by its name.
    """
    place = _place_of_id(route, routes)
    if place is None:
        return {}
    given = {name: f"$request.path.{name}" for name in _VARIABLE.findall(route.path)}
    links: dict[str, Schema] = {}
    for other in routes:
        below = other.path.removeprefix(f"{route.path}/") if other.path.startswith(f"{route.path}/{{") else ""
        names = _VARIABLE.findall(below)
        if len(names) == 1 and below.startswith("{"):
            links[operation_id[other.name]] = {
                "operationId": operation_id[other.name],
                "parameters": {**given, names[0]: f"$response.body#{place}"},
            }
    return links


def _place_of_id(route: Route, routes: Sequence[Route]) -> str | None:
    """Where in the answer the id stands that the paths below the route's own take; None where it stands nowhere."""
    if route.result is None:
        return None
    variable = next(
        (_first_below(route.path, other.path) for other in routes if _first_below(route.path, other.path)), ""
    )
    names = {field.encode_name for field in msgspec.structs.fields(route.result)}
    name = next((name for name in ("id", variable) if name in names), None)
    made = any(other.path == route.path and other.status == 201 for other in routes)
    if name is None or variable == "":
        return None
    if route.status == 201:
        return f"/data/{name}"
    return f"/data/0/{name}" if route.listing and not made else None


def _first_below(path: str, other: str) -> str:
    found = re.match(r"/{(\w+)}", other.removeprefix(path)) if other.startswith(path) else None
    return "" if found is None else found[1]
