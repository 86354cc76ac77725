from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.gateway.api.live.stage import Stage
from tests.gateway.api.rig import Rig


@pytest.fixture
async def stage(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Stage]:
    stage = Stage(Rig(tmp_path), nursery)
    nursery.start_soon(stage.live.run)
    yield stage
    nursery.cancel_scope.cancel()
