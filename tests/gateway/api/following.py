"""Run by test_following.py in a network namespace of its own: a board whose addresses come and go.

Prints what became of each step; the test reads it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import trio

from gateway.api.server.serving import serve
from gateway.api.server.tls import ServerTls
from gateway.settings.model import ServerSettings
from tests.gateway.api.rig import Rig

PORT = 3500


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


async def reachable(rig: Rig, address: str) -> bool:
    """Whether the gateway answers there, with a certificate that names the address."""
    try:
        async with httpx.AsyncClient(verify=rig.trusting(), trust_env=False, timeout=2) as client:
            return (await client.get(f"https://{address}:{PORT}/api/v1/health")).status_code == 200
    except (httpx.TransportError, OSError):
        return False


async def becomes(rig: Rig, address: str, *, answering: bool) -> bool:
    for _ in range(40):
        if await reachable(rig, address) == answering:
            return True
        await trio.sleep(0.1)
    return False


async def play(state: Path) -> dict[str, object]:
    rig = Rig(state)
    tls = ServerTls(state, rig.board.timeline, "board")
    stop = trio.Event()
    seen: dict[str, object] = {}
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[list[str]]) -> None:
            settings = ServerSettings(bind="private", port=PORT)
            await serve(rig.app, settings, tls, stop=stop, look_interval=0.1, task_status=task_status)

        # Not even loopback is up: no address yet is a state, not an error.
        seen["at first"] = await nursery.start(run)
        ip("link", "set", "lo", "up")
        seen["loopback came"] = await becomes(rig, "127.0.0.1", answering=True)
        ip("link", "add", "eth0", "type", "veth", "peer", "name", "cable")
        ip("link", "set", "cable", "up")
        ip("link", "set", "eth0", "up")
        ip("addr", "add", "192.168.7.5/24", "dev", "eth0")
        seen["an address came"] = await becomes(rig, "192.168.7.5", answering=True)
        ip("addr", "add", "10.3.4.5/8", "dev", "eth0")
        seen["another came"] = await becomes(rig, "10.3.4.5", answering=True)
        ip("addr", "add", "203.0.113.9/24", "dev", "eth0")
        await trio.sleep(0.5)
        seen["a public one is served"] = await reachable(rig, "203.0.113.9")
        async with httpx.AsyncClient(verify=rig.trusting(), trust_env=False, base_url="https://127.0.0.1:3500") as kept:
            await kept.get("/api/v1/health")
            ip("addr", "del", "192.168.7.5/24", "dev", "eth0")
            seen["it went"] = await becomes(rig, "192.168.7.5", answering=False)
            ip("addr", "add", "192.168.9.9/24", "dev", "eth0")
            seen["it changed"] = await becomes(rig, "192.168.9.9", answering=True)
            ip("link", "set", "eth0", "down")
            ip("link", "set", "eth0", "up")
            seen["after the cable was out"] = await becomes(rig, "192.168.9.9", answering=True)
            seen["a connection lived through it"] = (await kept.get("/api/v1/health")).status_code == 200
        ip("link", "del", "eth0")
        seen["the interface went"] = await becomes(rig, "192.168.9.9", answering=False)
        seen["at last"] = await reachable(rig, "127.0.0.1")
        stop.set()
    return seen


if __name__ == "__main__":
    sys.stderr.write(json.dumps(trio.run(play, Path(sys.argv[1]))))
