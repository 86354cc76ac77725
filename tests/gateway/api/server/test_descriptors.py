"""Connections leave the lines their descriptors. A limit that was lowered stays: each case has its own process."""

from __future__ import annotations

import subprocess
import sys

import pytest

SAYS = """
import resource
from gateway.api.server.descriptors import affordable
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print("found", affordable({connections}), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "found", "warnings"),
    [
        pytest.param(256, 512, 100, "100 256", 0, id="there is room"),
        pytest.param(256, 512, 300, "300 428", 0, id="raised as far as needed"),
        pytest.param(256, 512, 5000, "384 512", 1, id="raised as far as it may be"),
        pytest.param(512, 512, 5000, "384 512", 1, id="may not be raised"),
        pytest.param(100, 100, 50, "1 100", 1, id="next to nothing"),
    ],
)
def test_connections_leave_descriptors_for_the_lines(
    soft: int, hard: int, connections: int, found: str, warnings: int
) -> None:
    code = SAYS.format(soft=soft, hard=hard, connections=connections)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"found {found}\n" in done.stdout
    assert (done.stdout + done.stderr).count("LimitNOFILE") == warnings
