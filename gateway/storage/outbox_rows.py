"""Rows of webhooks and of what became of events for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, KeptWebhook
from gateway.core.ports import Json
from gateway.storage.event_rows import full_id, short_id

log = structlog.stdlib.get_logger(__name__)

# Numbers as they stand in the file: they never change.
STATUSES = (DeliveryStatus.WAITING, DeliveryStatus.DELIVERED, DeliveryStatus.DEAD, DeliveryStatus.CANCELLED)
_NUMBERS = {status: number for number, status in enumerate(STATUSES)}

_TIMES = "created, next_at, finished"
_DELIVERY = f"delivery.id, webhook.id, sequence, event_id, event_type, status, attempts, {_TIMES}, key, redelivery"
_ALL = f"SELECT {_DELIVERY} FROM delivery JOIN webhook ON webhook.number = webhook"  # noqa: S608 - words of this module
_FROM = f"{_ALL} WHERE webhook.id = ?"

_Row = tuple[
    bytes | str,
    str,
    int,
    bytes | str,
    str,
    int,
    int,
    float,
    float | None,
    float | None,
    str | None,
    int,
]

# Every attempt of a delivery, as it stands beside it: all but the id of the delivery.
_Try = tuple[int, float, float, str | None, dict[str, str], int | None, str, str | None]
_TRIES = msgspec.json.Decoder(list[_Try])


def webhooks(connection: sqlite3.Connection) -> list[KeptWebhook]:
    """All webhooks, the oldest first."""
    rows = connection.execute(
        "SELECT id, document, cursor FROM webhook JOIN cursor ON webhook = number ORDER BY number"
    ).fetchall()
    return [KeptWebhook(id_, msgspec.json.decode(document), cursor) for id_, document, cursor in rows]


def save(connection: sqlite3.Connection, webhook: str, document: bytes, cursor: int) -> None:
    """Add or change a webhook; its cursor never goes back."""
    (number,) = connection.execute(
        "INSERT INTO webhook (id, document) VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET document = excluded.document RETURNING number",
        (webhook, document),
    ).fetchone()
    _advance(connection, number, cursor)


def remove(connection: sqlite3.Connection, webhook: str) -> None:
    """Remove a webhook; its deliveries are nobody's then."""
    number = _number_of(connection, webhook)
    if number is not None:
        connection.execute("DELETE FROM webhook WHERE number = ?", (number,))
        connection.execute("DELETE FROM cursor WHERE webhook = ?", (number,))


def record(
    connection: sqlite3.Connection,
    webhook: str,
    cursor: int,
    deliveries: Sequence[Delivery],
    attempts: Mapping[str, Sequence[Attempt]],
) -> None:
    """Add or change deliveries, add attempts, and move the cursor on; nothing for a webhook that is gone.

    Args:
        connection: in a transaction.
        webhook: its id.
        cursor: of the webhook; never goes back.
        deliveries: as they are now.
        attempts: new ones, by their deliveries.
    """
    number = _number_of(connection, webhook)
    if number is None:
        return
    _advance(connection, number, cursor)
    for delivery in deliveries:
        connection.execute(
            "INSERT INTO delivery (id, webhook, sequence, event_id, event_type, status, attempts, created, next_at,"
            " finished, key, redelivery, tries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET status = excluded.status, attempts = excluded.attempts,"
            " next_at = excluded.next_at, finished = excluded.finished",
            (
                short_id(delivery.id),
                number,
                delivery.sequence,
                short_id(delivery.event_id),
                delivery.event_type,
                _NUMBERS[delivery.status],
                delivery.attempts,
                delivery.created,
                delivery.next_at,
                delivery.finished,
                delivery.key,
                int(delivery.redelivery),
                b"[]",
            ),
        )
    for delivery_id, new in attempts.items():
        _add_attempts(connection, short_id(delivery_id), new)


def _number_of(connection: sqlite3.Connection, webhook: str) -> int | None:
    found = connection.execute("SELECT number FROM webhook WHERE id = ?", (webhook,)).fetchone()
    return None if found is None else int(found[0])


def _advance(connection: sqlite3.Connection, number: int, cursor: int) -> None:
    connection.execute(
        "INSERT INTO cursor VALUES (?, ?) ON CONFLICT (webhook) DO UPDATE SET cursor = max(cursor, excluded.cursor)",
        (number, cursor),
    )


def _add_attempts(connection: sqlite3.Connection, delivery: bytes | str, new: Sequence[Attempt]) -> None:
    found = connection.execute("SELECT tries FROM delivery WHERE id = ?", (delivery,)).fetchone()
    if found is None:
        return
    # One that is told again is that one.
    tries = {made[0]: made for made in _tries(found[0])}
    for attempt in new:
        tries[attempt.number] = (
            attempt.number,
            attempt.at,
            attempt.seconds,
            attempt.address,
            dict(attempt.request),
            attempt.status,
            attempt.answer,
            attempt.error,
        )
    connection.execute(
        "UPDATE delivery SET tries = ? WHERE id = ?", (msgspec.json.encode(list(tries.values())), delivery)
    )


def _tries(stored: bytes) -> list[_Try]:
    try:
        return _TRIES.decode(stored)
    except msgspec.DecodeError as error:
        log.warning("attempts of a delivery damaged on the disk, left out", error=str(error))
        return []


def waiting(connection: sqlite3.Connection, webhook: str) -> list[Delivery]:
    """Deliveries that wait, in the order of their events."""
    rows = connection.execute(
        f"{_FROM} AND status = ? ORDER BY sequence, delivery.number",
        (webhook, _NUMBERS[DeliveryStatus.WAITING]),
    )
    return [_delivery(row) for row in rows]


def last_attempts(connection: sqlite3.Connection, webhook: str) -> dict[str, Attempt]:
    """The last attempt of each delivery that waits and had one, by its id."""
    rows = connection.execute(
        "SELECT id, tries FROM delivery WHERE webhook = (SELECT number FROM webhook WHERE id = ?) AND status = ?",
        (webhook, _NUMBERS[DeliveryStatus.WAITING]),
    )
    tried = ((full_id(id_), _tries(tries)) for id_, tries in rows)
    return {id_: Attempt(id_, *max(tries)) for id_, tries in tried if tries}


def begun(connection: sqlite3.Connection, webhook: str, after: int) -> set[int]:
    """Numbers of events above ``after`` that have a delivery which nobody ordered."""
    rows = connection.execute(
        "SELECT sequence FROM delivery WHERE webhook = (SELECT number FROM webhook WHERE id = ?)"
        " AND sequence > ? AND NOT redelivery",
        (webhook, after),
    )
    return {sequence for (sequence,) in rows}


def deliveries(
    connection: sqlite3.Connection,
    webhook: str,
    *,
    status: DeliveryStatus | None,
    event_type: str | None,
    before: str | None,
    limit: int,
) -> list[Delivery]:
    """Deliveries, newest first; none after one that is gone."""
    query, values = _FROM, list[object]((webhook,))
    if status is not None:
        query += " AND status = ?"
        values.append(_NUMBERS[status])
    if event_type is not None:
        query += " AND event_type = ?"
        values.append(event_type)
    if before is not None:
        query += " AND delivery.number < (SELECT number FROM delivery WHERE id = ?)"
        values.append(short_id(before))
    rows = connection.execute(f"{query} ORDER BY delivery.number DESC LIMIT ?", (*values, limit))
    return [_delivery(row) for row in rows]


def delivery(connection: sqlite3.Connection, id_: str) -> tuple[Delivery, list[Attempt]] | None:
    """One delivery with its attempts; None where there is none."""
    row = connection.execute(
        f"SELECT tries, {_DELIVERY} FROM delivery JOIN webhook ON webhook.number = delivery.webhook"  # noqa: S608 - words of this module
        " WHERE delivery.id = ?",
        (short_id(id_),),
    ).fetchone()
    return None if row is None else (_delivery(row[1:]), [Attempt(id_, *made) for made in _tries(row[0])])


def counts(connection: sqlite3.Connection, besides: Sequence[str] = ()) -> dict[str, dict[DeliveryStatus, int]]:
    """How many deliveries are of each status, by webhook, but for some."""
    found: dict[str, dict[DeliveryStatus, int]] = {}
    for webhook, status, number in connection.execute(
        "SELECT webhook.id, status, count(*) FROM delivery JOIN webhook ON webhook.number = delivery.webhook"
        " GROUP BY delivery.webhook, status"
    ):
        found.setdefault(webhook, dict.fromkeys(STATUSES, 0))[STATUSES[status]] = number
    for id_ in besides:
        for webhook, status in connection.execute(
            "SELECT webhook.id, status FROM delivery JOIN webhook ON webhook.number = delivery.webhook"
            " WHERE delivery.id = ?",
            (short_id(id_),),
        ):
            found[webhook][STATUSES[status]] -= 1
    return found


def _delivery(row: _Row) -> Delivery:
    id_, webhook, sequence, event_id, event_type, status, attempts, created, next_at, finished, key, redelivery = row
    return Delivery(
        full_id(id_),
        webhook,
        sequence,
        full_id(event_id),
        event_type,
        STATUSES[status],
        attempts,
        created,
        next_at,
        finished,
        key,
        bool(redelivery),
    )


def encode(document: Mapping[str, Json]) -> bytes:
    """A document as it is stored."""
    return msgspec.json.encode(dict(document))
