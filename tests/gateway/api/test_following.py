"""``bind = "private"`` follows the addresses of the board, in a network namespace (ruling 15)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[3]


def namespace() -> list[str]:
    """How a program is run in a network namespace of its own, on this machine."""
    found = shutil.which("unshare")
    if found is None or shutil.which("ip") is None:
        pytest.skip("needs unshare (util-linux) and ip (iproute2)")
    for words in ([found, "--net"], [found, "--user", "--map-root-user", "--net"]):
        tried = [*words, "ip", "link", "add", "x", "type", "veth", "peer", "name", "y"]
        if subprocess.run(tried, check=False, capture_output=True).returncode == 0:
            return words
    pytest.skip("this user may not make network namespaces here (needs root, or user namespaces)")


def test_private_follows_the_addresses_of_the_board(tmp_path: Path) -> None:
    command = [*namespace(), sys.executable, "-m", "tests.gateway.api.following", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    seen = json.loads(ran.stderr)
    assert seen == {
        "at first": [],
        "loopback came": True,
        "an address came": True,
        "another came": True,
        "a public one is served": False,
        "it went": True,
        "it changed": True,
        "after the cable was out": True,
        "a connection lived through it": True,
        "the interface went": True,
        "at last": True,
    }, ran.stdout
