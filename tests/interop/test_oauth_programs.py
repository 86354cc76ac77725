"""openid-client, as it is: it finds the gateway's endpoints by itself, and gets, looks at and ends a token."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import trio

from gateway.access.admin import AdminClient
from tests.e2e.programs import missing, needed
from tests.gateway.api.rig import Rig

NODE = Path(__file__).parent / "node"
ADMIN = AdminClient("admin-1", "s3cret-of-the-first-administrator")


@pytest.mark.parametrize("method", ["basic", "post"])
async def test_openid_client(tmp_path: Path, method: str) -> None:
    node = needed("node")
    if not (NODE / "node_modules" / "openid-client").is_dir():
        missing("openid-client is not installed: .ci/node-clients")
    rig = Rig(tmp_path)
    await rig.access.load(ADMIN)
    async with rig.served():
        command: list[str | Path] = [node, NODE / "oauth.js", rig.url, ADMIN.client_id, ADMIN.client_secret, method]
        env = {**os.environ, "NODE_EXTRA_CA_CERTS": str(rig.state / "ca.pem")}
        with trio.fail_after(120):
            ended = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False, env=env)
    assert ended.returncode == 0, ended.stderr.decode()
    told = json.loads(ended.stdout)
    assert told["issuer"] == rig.url
    assert (told["scope"], 3500 < told["lives"] <= 3600) == ("system:read", True)
    assert (told["me"]["type"], told["me"]["id"]) == ("client", "client:admin-1")
    assert (told["looked"]["active"], told["looked"]["client_id"]) == (True, "admin-1")
    where = f"{rig.url}/.well-known/oauth-protected-resource/v1"
    assert told["revoked"][0] == ["bearer", where]
    assert told["wrong"] == [400, "invalid_scope"]
