"""Clients of JSON:API we did not write read and write plugins: kitsu and jsona, through Node."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.e2e.programs import PATIENCE_S, missing, needed
from tests.e2e.site import Site

NODE = Path(__file__).parent / "node"


def test_kitsu_and_jsona_read_and_write_plugins(site: Site) -> None:
    node = needed("node")
    if not (NODE / "node_modules" / "kitsu").is_dir():
        missing("kitsu is not installed: .ci/node-clients")
    site.configure("")
    gateway = site.start()
    token = gateway.token(["plugins:read", "plugins:write"])
    ended = subprocess.run(
        [node, NODE / "plugins.js", gateway.url, token],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(gateway.state / "ca.pem")},
    )
    assert ended.returncode == 0, ended.stderr
    printed = json.loads(ended.stdout)
    kitsu, jsona = printed["kitsu"], printed["jsona"]
    assert kitsu["made"]["data"]["id"] == "scale-reader"
    assert kitsu["changed"]["data"]["description"] == "reads a scale"
    assert kitsu["one"]["data"]["name"] == "Scale Reader"
    assert kitsu["one"]["data"]["publisher"]["data"] == {"type": "user", "id": "operator"}
    assert [row["id"] for row in kitsu["listed"]["data"]] == ["scale-reader"]
    assert kitsu["listed"]["meta"] == {"total": 1, "page": 1, "per_page": 1}
    assert jsona["model"]["publisher"] == {"type": "user", "id": "operator"}
    assert (jsona["status"], jsona["changed"]["description"]) == (200, "weighs")
