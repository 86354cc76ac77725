"""An update by the API of a real gateway that was installed as a package: there is none, and it says what to do."""

from __future__ import annotations

import os

import pytest

from tests.e2e.site import Site

pytestmark = pytest.mark.e2e
UPDATE = "/v1/system/update"


def test_a_gateway_that_is_a_package_is_updated_with_the_package(site: Site) -> None:
    site.configure("")
    gateway = site.start()
    as_admin = {"Authorization": f"Bearer {gateway.token(['system:update', 'system:read'])}"}
    found = gateway.client.get(UPDATE, headers=as_admin).json()["data"]
    assert found.pop("flashed") is False
    assert set(found.values()) == {None}
    headers = {**as_admin, "Content-Type": "application/octet-stream"}
    refused = gateway.client.put(UPDATE, content=b"hsqs" + os.urandom(2**20), headers=headers)
    assert (refused.status_code, "apt install" in refused.json()["detail"]) == (409, True)
    assert not (gateway.state / "update").exists()
    headers["Authorization"] = f"Bearer {gateway.token(['system:write'])}"
    assert gateway.client.put(UPDATE, content=b"hsqs", headers=headers).status_code == 403
