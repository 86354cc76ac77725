"""Clients of OAuth and API keys in ``ferrule.db``."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import msgspec
import structlog

from gateway.core.clients import ApiKey, Client, ClientKind
from gateway.core.eventlog import NotKept
from gateway.storage.database import Database
from gateway.storage.trouble import CURES, StoreTrouble

log = structlog.stdlib.get_logger(__name__)

_PART = "credentials"
_CLIENT = "SELECT * FROM client"
_KEY = "SELECT * FROM api_key"

T = TypeVar("T")

Job = Callable[[sqlite3.Connection], None]


class Credentials:
    """Implements ``core.clients.CredentialStore``.

    They are few, and a copy of them is at hand: a file that has to be begun anew while the gateway runs gets them all
    again with the next change.

    Args:
        database: the control database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clients: dict[str, Client] = {}
        self._keys: dict[str, ApiKey] = {}
        self._missing = False
        database.renewed.append(self._renewed)

    async def clients(self) -> Sequence[Client]:
        """All clients; none where the disk cannot be read."""
        self._clients |= {client.id: client for client in await self._rows(_CLIENT, _client)}
        return list(self._clients.values())

    async def keys(self) -> Sequence[ApiKey]:
        """All API keys; none where the disk cannot be read."""
        self._keys |= {key.id: key for key in await self._rows(_KEY, _key)}
        return list(self._keys.values())

    async def save_client(self, client: Client) -> None:
        """Keep a client, new or changed."""
        await self._write(lambda connection: _insert_client(connection, client))
        self._clients[client.id] = client

    async def remove_client(self, client_id: str) -> None:
        """Forget a client."""
        await self._write(lambda connection: _delete(connection, "client", client_id))
        self._clients.pop(client_id, None)

    async def save_key(self, key: ApiKey) -> None:
        """Keep an API key."""
        await self._write(lambda connection: _insert_key(connection, key))
        self._keys[key.id] = key

    async def remove_key(self, key_id: str) -> None:
        """Forget an API key."""
        await self._write(lambda connection: _delete(connection, "api_key", key_id))
        self._keys.pop(key_id, None)

    async def save_uses(self, clients: Mapping[str, int], keys: Mapping[str, int]) -> None:
        """Note when they were last used, by id; those that are gone meanwhile are left out."""

        def job(connection: sqlite3.Connection) -> None:
            for table, uses in (("client", clients), ("api_key", keys)):
                connection.executemany(
                    f"UPDATE {table} SET used = ? WHERE id = ?",  # noqa: S608 - words of this module
                    [(at, id_) for id_, at in uses.items()],
                )

        await self._write(job)

    async def _write(self, job: Job) -> None:
        again = self._missing
        clients, keys = list(self._clients.values()), list(self._keys.values())

        def whole(connection: sqlite3.Connection) -> None:
            if again:
                for client in clients:
                    _insert_client(connection, client)
                for key in keys:
                    _insert_key(connection, key)
            job(connection)

        try:
            await self._database.write(whole, _PART)
        except StoreTrouble as trouble:
            raise NotKept(CURES[trouble.kind]) from None
        if again:
            self._missing = False

    async def _rows(self, query: str, read: Callable[[tuple[object, ...]], T]) -> list[T]:
        try:
            rows = await self._database.read(lambda connection: connection.execute(query).fetchall())
        except StoreTrouble as trouble:
            log.warning("clients and API keys are not readable", trouble=trouble.kind)
            return []
        found = []
        for row in rows:
            try:
                found.append(read(row))
            except (ValueError, msgspec.MsgspecError):
                log.warning("a client or an API key is damaged and is left out", id=str(row[0])[:64])
        return found

    def _renewed(self) -> None:
        self._missing = True


def _insert_client(connection: sqlite3.Connection, client: Client) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO client VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            client.id,
            client.name,
            client.kind.value,
            client.digest,
            " ".join(sorted(client.roles)),
            " ".join(sorted(client.scopes)),
            msgspec.json.encode(client.redirect_uris).decode(),
            client.rate_limit,
            int(client.first),
            int(client.disabled),
            client.created,
            client.used,
        ),
    )


def _insert_key(connection: sqlite3.Connection, key: ApiKey) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO api_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key.id,
            key.name,
            key.owner,
            key.digest,
            " ".join(sorted(key.scopes)),
            key.created,
            key.expires,
            key.used,
            " ".join(sorted(key.audience)),
        ),
    )


def _delete(connection: sqlite3.Connection, table: str, id_: str) -> None:
    connection.execute(f"DELETE FROM {table} WHERE id = ?", (id_,))  # noqa: S608 - a word of this module


def _client(row: tuple[object, ...]) -> Client:
    columns = cast("tuple[str, str, str, bytes | None, str, str, str, int | None, int, int, int, int | None]", row)
    return Client(
        id=columns[0],
        name=columns[1],
        kind=ClientKind(columns[2]),
        digest=columns[3],
        roles=frozenset(columns[4].split()),
        scopes=frozenset(columns[5].split()),
        redirect_uris=msgspec.json.decode(columns[6], type=tuple[str, ...]),
        rate_limit=columns[7],
        first=bool(columns[8]),
        disabled=bool(columns[9]),
        created=columns[10],
        used=columns[11],
    )


def _key(row: tuple[object, ...]) -> ApiKey:
    columns = cast("tuple[str, str, str, bytes, str, int, int | None, int | None, str]", row)
    return ApiKey(
        id=columns[0],
        name=columns[1],
        owner=columns[2],
        digest=columns[3],
        scopes=frozenset(columns[4].split()),
        created=columns[5],
        expires=columns[6],
        used=columns[7],
        audience=frozenset(columns[8].split()),
    )
