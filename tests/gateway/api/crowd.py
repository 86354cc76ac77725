"""Thousands of connections against the cap of the real server; the drill runs it with two thousand."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import trio

from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig

Stream = trio.SSLStream[trio.SocketStream]
# How many callers connect at the same time.
_AT_ONCE = 8


async def besiege(rig: Rig, crowd: int, cap: int, patience: float = 3.0) -> tuple[int, int]:
    """Open many connections, let them idle, and call meanwhile as anybody would.

    Args:
        rig: the API behind the server.
        crowd: connections that are opened.
        cap: of the server.
        patience: seconds within which all of them learn whether they have been closed.

    Returns:
        how many the server still kept at the end, and how many calls of others were answered.
    """
    idle: list[Stream] = []
    answered = 0
    # However fast they come: it is how many there are that matters here.
    fast = LimitSettings(
        max_connections=cap, connections_per_address=cap, requests_per_minute=1_000_000, burst=1_000_000
    )
    async with rig.served(limits=fast):
        async with trio.open_nursery() as nursery:
            for _ in range(_AT_ONCE):

                @nursery.start_soon
                async def connect() -> None:
                    while len(idle) < crowd:
                        idle.append(await rig.connect())

            while len(idle) < crowd:
                async with rig.client() as client:
                    assert (await client.get("/api/v1/health")).status_code == 200
                answered += 1
        kept = 0
        async with trio.open_nursery() as nursery:
            for stream in idle:

                @nursery.start_soon
                async def look(stream: Stream = stream) -> None:
                    nonlocal kept
                    with trio.move_on_after(patience) as open_still:
                        await stream.receive_some()
                    kept += open_still.cancelled_caught
                    await trio.aclose_forcefully(stream)

    return kept, answered


def drill(crowd: int, cap: int) -> str:
    """The same in a run loop of its own; says what it proved."""
    # Both ends of each connection are in this process.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * crowd), most))
    with tempfile.TemporaryDirectory() as state:

        async def run() -> tuple[int, int]:
            return await besiege(Rig(Path(state)), crowd, cap)

        kept, answered = trio.run(run)
    assert kept <= cap, f"{kept} connections are open, {cap} may be"
    assert answered, "nobody else was answered"
    return f"{crowd} idle connections against a cap of {cap}: {kept} were kept, {answered} calls of others answered"
