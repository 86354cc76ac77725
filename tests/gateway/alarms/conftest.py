from __future__ import annotations

import pytest

from tests.gateway.alarms.rig import AWAY, COLD, HOT, Board, settings_with


@pytest.fixture
def board() -> Board:
    return Board(settings_with(HOT, COLD, AWAY))
