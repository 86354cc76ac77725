"""A gateway with anna, who administers it, and ben, who only looks; a browser, and a program without cookies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.api.pages.browser import Browser
from tests.gateway.api.pages.keys.visits import (
    ANNA,
    BEN,
    MANY,
    opened,
)
from tests.gateway.api.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path, MANY)
    for (name, password), role in ((ANNA, "admin"), (BEN, "viewer")):
        made.people.users.add(name, [role], f"hash of {password}")
    return made


@pytest.fixture
async def browser(rig: Rig) -> AsyncIterator[Browser]:
    made = opened(rig)
    async with made.client:
        yield made


@pytest.fixture
async def program(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Something without cookies that calls the API."""
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.8", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        yield client
