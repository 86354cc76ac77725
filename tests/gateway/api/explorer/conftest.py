"""The page over the whole plugin API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.api.rest.table import plugin_routes
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    services = Services()
    return Rig(tmp_path, routes=plugin_routes(services.parts, Plugins(tmp_path).parts), services=services)


@pytest.fixture
async def anybody(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the real application without a token."""
    async with rig.in_memory() as client:
        del client.headers["authorization"]
        yield client
