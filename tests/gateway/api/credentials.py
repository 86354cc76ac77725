"""A store of clients and API keys in memory, whose disk can be in trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.core.clients import ApiKey, Client
from gateway.core.eventlog import NotKept


@dataclass
class FakeCredentials:
    """Keeps what it is given, unless it is in trouble."""

    kept_clients: dict[str, Client] = field(default_factory=dict)
    kept_keys: dict[str, ApiKey] = field(default_factory=dict)
    trouble: str | None = None
    writes: int = 0

    async def clients(self) -> Sequence[Client]:
        return list(self.kept_clients.values())

    async def keys(self) -> Sequence[ApiKey]:
        return list(self.kept_keys.values())

    async def save_client(self, client: Client) -> None:
        self._writing()
        self.kept_clients[client.id] = client

    async def remove_client(self, client_id: str) -> None:
        self._writing()
        self.kept_clients.pop(client_id, None)

    async def save_key(self, key: ApiKey) -> None:
        self._writing()
        self.kept_keys[key.id] = key

    async def remove_key(self, key_id: str) -> None:
        self._writing()
        self.kept_keys.pop(key_id, None)

    async def save_uses(self, clients: Mapping[str, int], keys: Mapping[str, int]) -> None:
        self._writing()
        for client_id in clients.keys() & self.kept_clients.keys():
            self.kept_clients[client_id] = replace(self.kept_clients[client_id], used=clients[client_id])
        for key_id in keys.keys() & self.kept_keys.keys():
            self.kept_keys[key_id] = replace(self.kept_keys[key_id], used=keys[key_id])

    def _writing(self) -> None:
        if self.trouble is not None:
            raise NotKept(self.trouble)
        self.writes += 1
