"""The parameter ``sort``: names with commas between, a ``-`` in front for the other direction (JSON:API 1.1, 5.2)."""

from __future__ import annotations

from collections.abc import Collection

from gateway.api.rest.problems import Problem, Source


def order_of(sort: str | None, names: Collection[str]) -> tuple[tuple[str, bool], ...]:
    """What a list is sorted by: names with True for descending.

    Args:
        sort: as it was sent; None: it was not.
        names: there are.

    Raises:
        Problem: 400, it cannot be sorted so.
    """
    if sort is None:
        return ()
    order = tuple((field.removeprefix("-"), field.startswith("-")) for field in sort.split(","))
    asked = [name for name, _ in order]
    if not set(asked) <= set(names) or len(set(asked)) < len(asked):
        words = f"sort: there are {', '.join(names)}, each once, with a - in front for the other direction."
        raise Problem(400, "invalid", words, source=Source("parameter", "sort"))
    return order
