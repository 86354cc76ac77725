"""``lease.list``: the set-points that go back to their safe values unless their callers renew them."""

from __future__ import annotations

from gateway.api.dispatch import Method, method
from gateway.api.params import NoParams
from gateway.core.ports import DeviceAccess


def lease_methods(devices: DeviceAccess) -> dict[str, Method]:
    """The namespace ``lease``."""

    async def list_leases(_: NoParams) -> object:
        found = [
            {
                "tag": lease.tag,
                "value": lease.value,
                "safeValue": lease.safe_value,
                "secondsLeft": round(lease.seconds_left, 3),
                "owed": lease.owed,
            }
            for lease in devices.leases()
        ]
        return {"leases": found, "total": len(found)}

    return {"lease.list": method(NoParams, list_leases, scope="devices:read")}
