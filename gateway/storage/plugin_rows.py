"""Rows of ``plugins.db``: between them and what the rest of the gateway knows of plugins."""

from __future__ import annotations

import sqlite3

import msgspec

from gateway.core.plugins import Archive, KeptPlugin, KeptVersion, PluginStatus, Release, Review, Wanted
from gateway.core.ports import Json

# Reviews that are named with a plugin; where there are more, none is, and they have a list of their own.
MOST_NAMED = 100
_PLUGIN = (
    "number, id, publisher, status, downloads, stars, reviews, created, updated,"
    " (SELECT document FROM version WHERE version.plugin = plugin.number ORDER BY version.number DESC LIMIT 1)"
)
# No rating comes before the lowest.
_ORDERS = {
    "name": "folded",
    "downloads": "downloads",
    "rating": "iif(reviews = 0, 0, (20 * stars + reviews) / (2 * reviews))",
    "updated_at": "updated",
}
_REVIEW = "review.number, plugin.id, subject, review.stars, text, review.created, review.updated"
_REVIEWS = "review JOIN plugin ON plugin.number = review.plugin AND plugin.removed IS NULL"
_ID_OF_REVIEW = "review-"
_Row = tuple[int, str, str, str, int, int, int, float, float, bytes]


class _Document(msgspec.Struct, frozen=True):
    """What a publisher says of a version, as it stands in the file."""

    name: str
    version: str
    description: str = ""
    category: str = ""
    author: str = ""
    license: str | None = None
    homepage: str | None = None
    repository: str | None = None
    tags: tuple[str, ...] = ()
    config_schema: dict[str, object] | None = None


_DECODER = msgspec.json.Decoder(_Document)


def encode(release: Release) -> bytes:
    """A release as it stands in the file."""
    return msgspec.json.encode(release)


def decode(document: bytes) -> Release:
    """What stands in the file as a release."""
    found = _DECODER.decode(document)
    schema: dict[str, Json] | None = found.config_schema  # type: ignore[assignment] # JSON, read by msgspec
    return Release(
        name=found.name,
        version=found.version,
        description=found.description,
        category=found.category,
        author=found.author,
        license=found.license,
        homepage=found.homepage,
        repository=found.repository,
        tags=found.tags,
        config_schema=schema,
    )


def folded(name: str) -> str:
    """A name as it is sorted by: large letters stand where small ones do."""
    return name.casefold()


def listed(connection: sqlite3.Connection, wanted: Wanted) -> tuple[list[KeptPlugin], int]:
    """The plugins of a list, and how many there are in all."""
    status = None if wanted.status is None else wanted.status.value
    asked = {"category": wanted.category, "status": status, "author": wanted.author}
    given = {name: value for name, value in asked.items() if value is not None}
    where = " AND ".join(["removed IS NULL", *(f"{name} = ?" for name in given)])
    order = ", ".join([*(f"{_ORDERS[name]}{' DESC' if down else ''}" for name, down in wanted.order), "id"])
    (total,) = connection.execute(f"SELECT count(*) FROM plugin WHERE {where}", (*given.values(),)).fetchone()  # noqa: S608 - our columns
    rows = connection.execute(
        f"SELECT {_PLUGIN} FROM plugin WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608 - our columns
        (*given.values(), wanted.limit, wanted.offset),
    ).fetchall()
    return [_plugin(connection, row) for row in rows], int(total)


def found(connection: sqlite3.Connection, id_: str) -> KeptPlugin | None:
    """One plugin."""
    row = connection.execute(f"SELECT {_PLUGIN} FROM plugin WHERE id = ? AND removed IS NULL", (id_,)).fetchone()  # noqa: S608 - our columns
    return None if row is None else _plugin(connection, row)


def number_of(connection: sqlite3.Connection, id_: str) -> int:
    """What a plugin is called in the other tables."""
    (number,) = connection.execute("SELECT number FROM plugin WHERE id = ?", (id_,)).fetchone()
    return int(number)


def reviews_of(connection: sqlite3.Connection, plugin: str, offset: int, limit: int) -> list[Review]:
    """Reviews of a plugin, oldest first."""
    rows = connection.execute(
        f"SELECT {_REVIEW} FROM {_REVIEWS} WHERE plugin.id = ? ORDER BY review.number LIMIT ? OFFSET ?",  # noqa: S608 - our columns
        (plugin, limit, offset),
    )
    return [_review(row) for row in rows]


def review_of(connection: sqlite3.Connection, plugin: str, subject: str) -> Review | None:
    """The review somebody wrote."""
    row = connection.execute(
        f"SELECT {_REVIEW} FROM {_REVIEWS} WHERE plugin.id = ? AND subject = ?",  # noqa: S608 - our columns
        (plugin, subject),
    ).fetchone()
    return None if row is None else _review(row)


def review(connection: sqlite3.Connection, id_: str) -> Review | None:
    """One review."""
    number = number_of_review(id_)
    row = connection.execute(f"SELECT {_REVIEW} FROM {_REVIEWS} WHERE review.number = ?", (number,)).fetchone()  # noqa: S608 - our columns
    return None if row is None else _review(row)


def id_of_review(number: int) -> str:
    """What callers call a review."""
    return f"{_ID_OF_REVIEW}{number}"


def number_of_review(id_: str) -> int:
    """The number of a review; one that no review has, where that is no id of any."""
    digits = id_.removeprefix(_ID_OF_REVIEW)
    sound = id_ == f"{_ID_OF_REVIEW}{digits}" and digits.isascii() and digits.isdecimal() and len(digits) < 16
    return int(digits) if sound and str(int(digits)) == digits else -1


def _plugin(connection: sqlite3.Connection, row: _Row) -> KeptPlugin:
    number, id_, publisher, status, downloads, stars, reviews, created, updated, document = row
    versions = connection.execute(
        "SELECT version, created, sha256, size, key_id, signer, received FROM version WHERE plugin = ?"
        " ORDER BY number DESC",
        (number,),
    ).fetchall()
    named: list[tuple[int]] = []
    if 0 < reviews <= MOST_NAMED:
        named = connection.execute("SELECT number FROM review WHERE plugin = ? ORDER BY number", (number,)).fetchall()
    return KeptPlugin(
        id=id_,
        release=decode(document),
        publisher=publisher,
        status=PluginStatus(status),
        versions=tuple(_version(version) for version in versions),
        downloads=downloads,
        stars=stars,
        reviews=reviews,
        review_ids=tuple(id_of_review(one) for (one,) in named),
        created=created,
        updated=updated,
    )


def _version(row: tuple[str, float, str | None, int, str, str, float]) -> KeptVersion:
    version, created, sha256, size, key_id, signer, received = row
    archive = None
    if sha256 is not None:
        archive = Archive(sha256=sha256, size=size, key_id=key_id, signer=signer, received=received)
    return KeptVersion(version=version, created=created, archive=archive)


def _review(row: tuple[int, str, str, int, str, float, float]) -> Review:
    number, plugin, subject, stars, text, created, updated = row
    return Review(
        id=id_of_review(number),
        plugin=plugin,
        subject=subject,
        stars=stars,
        text=text,
        created=created,
        updated=updated,
    )
