from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.api.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the application in memory with a token for everything of the field."""
    async with rig.in_memory() as client:
        yield client


@pytest.fixture
async def https(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the application over real TLS with the same token."""
    async with rig.served(), rig.client() as client:
        yield client


@pytest.fixture
async def stranger(rig: Rig) -> httpx.AsyncClient:
    """A client without a token."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig")
