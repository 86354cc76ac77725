"""Which webhook, and which delivery, is meant by what somebody typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.cli.client import Client, Json
from gateway.cli.main import WRONG, CommandError

# Of an id, as lists show it: by chance two are alike once in a million million.
_END = 10
_LEAST_END = 4
# As far back as the end of a delivery's id is looked for; a whole id is found however old it is.
_LOOKED_THROUGH = 1000
_PAGE = 100
_WHOLE_DELIVERY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def end_of(thing: Json) -> str:
    """What of an id tells it apart from others, and is short enough to type."""
    return str(thing["id"])[-_END:]


def one_of(word: str, webhooks: list[Json]) -> Json:
    """The webhook that is meant by its id, the end of it, or its host.

    Raises:
        CommandError: none is, or several are.
    """
    wanted = word.lower()
    found = [
        one
        for one in webhooks
        if one["id"] == wanted
        or (len(word) >= _LEAST_END and str(one["id"]).endswith(wanted))
        or wanted in {urlsplit(one["url"]).hostname, urlsplit(one["url"]).netloc.lower()}
    ]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{end_of(one)} ({one['url']})" for one in found)
        raise CommandError(f'several webhooks are meant by "{word}": name one by its id: {several}', WRONG)
    raise CommandError(f'no webhook "{word}": ferrule webhooks lists those that are', WRONG)


def pages(client: Client, webhook: str, *, status: str | None, most: int | None) -> Iterator[Json]:
    """Deliveries of a webhook, newest first.

    Args:
        client: of the gateway.
        webhook: id.
        status: only of this one; None for all.
        most: how many; None for all.
    """
    left = most
    wanted = "" if status is None else f"&status={status}"
    path: str | None = f"/v1/webhooks/{webhook}/deliveries?limit={min(most or _PAGE, _PAGE)}{wanted}"
    while path is not None and (left is None or left > 0):
        page = client.look(path)
        rows: list[Json] = page["data"] if left is None else page["data"][:left]
        yield from rows
        left = None if left is None else left - len(rows)
        path = page["links"].get("next")


def whole_delivery(client: Client, webhook: str, word: str) -> str:
    """The id of the delivery that is meant by its id or the end of that.

    Raises:
        CommandError: none is, or several are.
    """
    wanted = word.lower()
    if _WHOLE_DELIVERY.fullmatch(wanted):
        return wanted
    if len(wanted) >= _LEAST_END:
        rows = pages(client, webhook, status=None, most=_LOOKED_THROUGH)
        found = [str(row["id"]) for row in rows if str(row["id"]).endswith(wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            raise CommandError(f'several deliveries end with "{word}": {", ".join(found)}', WRONG)
    raise CommandError(
        f'no delivery "{word}" among the newest {_LOOKED_THROUGH}: ferrule webhooks deliveries lists them', WRONG
    )
