"""Lists: pages by number where the list is short, places to go on from where it grows (D-011 to D-013)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from msgspec import Meta, field

from gateway.api.replies import ReplyHeaders
from gateway.api.rest.queries import Target
from gateway.api.rest.shapes import Model

PAGE_SIZE = 25
LARGEST_PAGE = 100

R = TypeVar("R")

Size = Annotated[int, Meta(ge=1, le=LARGEST_PAGE)]


class Pages(Model, frozen=True):
    """The page somebody asks for."""

    number: Annotated[int, Meta(ge=1, le=1_000_000)] = field(default=1, name="page[number]")
    size: Size = field(default=PAGE_SIZE, name="page[size]")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the rows of a list, and how to find the others.

    Attributes:
        rows: of this page.
        meta: ``total``, ``page``, ``per_page``, as the reference has them.
        links: ``self``, ``first``, ``prev``, ``next``, ``last``; those there are.
    """

    rows: Sequence[object]
    meta: Mapping[str, object]
    links: Mapping[str, str]


def page(rows: Sequence[R], pages: Pages, target: Target, show: Callable[[R], object]) -> Page:
    """One page of all rows; beyond the last there is nothing.

    Args:
        rows: all of them.
        pages: the page that is asked for.
        target: what was asked, to link to the others.
        show: makes a row of the answer.
    """
    begin = (pages.number - 1) * pages.size
    return numbered([show(row) for row in rows[begin : begin + pages.size]], len(rows), pages, target)


def numbered(rows: Sequence[object], total: int, pages: Pages, target: Target) -> Page:
    """One page of a list of which no more was read.

    Args:
        rows: of this page, as they are shown.
        total: how many there are in all.
        pages: the page that was asked for.
        target: what was asked, to link to the others.
    """
    last = max(1, -(-total // pages.size))
    numbers = {"self": pages.number, "first": 1, "last": last}
    if pages.number > 1:
        numbers["prev"] = min(pages.number - 1, last)
    if pages.number < last:
        numbers["next"] = pages.number + 1
    return Page(
        rows,
        {"total": total, "page": pages.number, "per_page": pages.size},
        {
            relation: target.with_({"page[number]": str(number), "page[size]": str(pages.size)})
            for relation, number in numbers.items()
        },
    )


def link_header(links: Mapping[str, str]) -> ReplyHeaders:
    """The same links as a header (RFC 8288)."""
    if not links:
        return ()
    return ((b"link", ", ".join(f'<{uri}>; rel="{relation}"' for relation, uri in links.items()).encode()),)
