"""The real application: with the table of wells, and with the table of the plugin API over simple services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.api.rest.plugin_exchange import talk_routes
from gateway.api.rest.table import plugin_routes
from tests.gateway.api.accounts import Accounts
from tests.gateway.api.flashed import FlashedBoard
from tests.gateway.api.installed import Installed
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rest.wells import TABLE
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services
from tests.gateway.api.talking import Talking

EVERYTHING = "*"


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, routes=TABLE)


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the application in memory with a token for all wells."""
    async with rig.in_memory() as client:
        yield client


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def plugins(tmp_path: Path) -> Plugins:
    return Plugins(tmp_path)


@pytest.fixture
def talking(plugins: Plugins) -> Talking:
    return Talking(plugins)


@pytest.fixture
async def installed(plugins: Plugins) -> AsyncIterator[Installed]:
    made = Installed.of(plugins)
    async with made.running():
        yield made


@pytest.fixture
async def accounts(plugins: Plugins) -> Accounts:
    return Accounts(plugins)


@pytest.fixture
async def gateway(  # noqa: PLR0917 - what it is made of
    tmp_path: Path, services: Services, plugins: Plugins, talking: Talking, installed: Installed, accounts: Accounts
) -> Rig:
    """The plugin API."""
    rig = Rig(
        tmp_path,
        routes=(
            *plugin_routes(services.parts, plugins.parts),
            *talk_routes(services.log, talking.talk),
            *installed.routes,
            *accounts.routes,
            *FlashedBoard(tmp_path / "board").routes,
        ),
        services=services,
        usage=accounts.ledger,
    )
    rig.access.plugins.know(plugins.parts.registry.get, talking.granted)
    return rig


@pytest.fixture
async def api(gateway: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the plugin API with a token for everything."""
    async with gateway.in_memory() as client:
        client.headers.update(gateway.bearer(EVERYTHING))
        yield client
