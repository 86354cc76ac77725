"""How the kit uses connections."""

from __future__ import annotations

from gateway.sdk.ferrule_client.transport import LIMITS
from gateway.settings.model import AgentSettings, LimitSettings


def test_one_connection_lasts_from_heartbeat_to_heartbeat_and_ends_before_the_gateway_ends_it() -> None:
    kept = LIMITS.keepalive_expiry
    assert kept is not None
    assert AgentSettings().heartbeat < kept < LimitSettings().keep_alive_time
