"""The leases in force through the API."""

from __future__ import annotations

import httpx

from gateway.core.ports import LeaseInForce
from tests.gateway.api.rig import Rig, error, result


async def test_every_lease_is_told_in_the_order_of_the_field_side(rig: Rig, client: httpx.AsyncClient) -> None:
    assert await result(client, "lease.list") == {"leases": [], "total": 0}
    rig.field.leased = [
        LeaseInForce("bus/drive/speed", None, 0, 0.0, owed=True),
        LeaseInForce("bus/meter/power", 42.5, 10.0, 12.3456789, owed=False),
        LeaseInForce("bus/drive/gone", True, None, 60.0, owed=False),
    ]
    assert await result(client, "lease.list") == {
        "leases": [
            {"tag": "bus/drive/speed", "value": None, "safeValue": 0, "secondsLeft": 0.0, "owed": True},
            {"tag": "bus/meter/power", "value": 42.5, "safeValue": 10.0, "secondsLeft": 12.346, "owed": False},
            {"tag": "bus/drive/gone", "value": True, "safeValue": None, "secondsLeft": 60.0, "owed": False},
        ],
        "total": 3,
    }


async def test_it_takes_no_parameters(client: httpx.AsyncClient) -> None:
    assert (await error(client, "lease.list", {"line": "bus"}))["code"] == -32602
