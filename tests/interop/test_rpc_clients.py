"""Generic JSON-RPC clients we did not write, against a real gateway: jsonrpcclient, jayson, curl."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import jsonrpcclient
import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, PATIENCE_S, free_port, missing, needed
from tests.e2e.site import Gateway, Site, device, tcp_line

NODE = Path(__file__).parent / "node"
TAG = "bus/meter/power"
SIMULATED = """
[[line]]
name = "l"
transport = "tcp"
tcp_port = {port}

[[line.device]]
name = "d"
unit = 1
point = [{{ name = "power", table = "input", address = 0, value = 42 }}]
"""


@pytest.fixture
def gateway(site: Site, start: Start, tmp_path: Path) -> Gateway:
    """A gateway that polls one simulated meter."""
    port, plan = free_port(), tmp_path / "devices.toml"
    plan.write_text(SIMULATED.format(port=port))
    start(FERRULE, "simulate", plan, "--directory", tmp_path / "ports").line("serving")
    tag = 'name = "power", table = "input", address = 0, type = "uint16"'
    site.configure(tcp_line("bus", port, device("meter", 1, [tag])))
    running = site.start()
    running.awaits(TAG, quality="good")
    return running


def test_jsonrpcclient_calls_one_by_one_and_in_a_batch(gateway: Gateway) -> None:
    rpc = "/api/v1/rpc"
    answer = jsonrpcclient.parse(gateway.client.post(rpc, json=jsonrpcclient.request("server.info")).json())
    assert isinstance(answer, jsonrpcclient.Ok)
    assert answer.result["server"]["protocolVersion"] == "1.0"
    batch = [
        jsonrpcclient.request("tag.read", params={"tags": [TAG]}, id="first"),
        jsonrpcclient.notification("server.health"),
        jsonrpcclient.request("tag.read", params={"tags": ["no/such/tag"]}, id="second"),
    ]
    answers = list(jsonrpcclient.parse(gateway.client.post(rpc, json=batch).json()))
    assert [answer.id for answer in answers] == ["first", "second"]
    good, wrong = answers
    assert isinstance(good, jsonrpcclient.Ok)
    assert good.result["readings"][0]["value"] == 42
    assert isinstance(wrong, jsonrpcclient.Error)
    assert (wrong.code, wrong.data["provided"]) == (-32602, "no/such/tag")


def test_jayson_calls_one_by_one_and_in_a_batch(gateway: Gateway) -> None:
    node = needed("node")
    if not (NODE / "node_modules").is_dir():
        missing("jayson is not installed: .ci/node-clients")
    port, authority = gateway.url.rpartition(":")[2], gateway.state / "ca.pem"
    command: list[str | Path] = [node, NODE / "batch.js", port, authority, gateway.token(), TAG]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 0, ended.stderr
    printed = json.loads(ended.stdout)
    assert printed["single"]["result"]["server"]["protocolVersion"] == "1.0"
    (good,), (wrong,) = printed["successes"], printed["errors"]
    assert good["result"]["readings"][0]["value"] == 42
    assert wrong["error"]["code"] == -32601


def test_curl_calls_a_path_of_the_reference(gateway: Gateway) -> None:
    command: list[str | Path] = [
        *(needed("curl"), "--silent", "--show-error", "--fail", "--tlsv1.3", "--cacert", gateway.state / "ca.pem"),
        *(
            "-H",
            f"Authorization: Bearer {gateway.token(['governor:read'])}",
            f"{gateway.url}/api/v1/governor/status?id=11",
        ),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["id"] == 11
    assert set(answer["result"]["governors"]) == {"operational", "coordination", "management", "intelligence", "meta"}
