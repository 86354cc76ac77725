"""Publishes events on some TLS connections: ``event_load PORT AUTHORITY CONNECTIONS SECONDS TOKEN [EVENTS]``.

One request under way on each connection; until so many seconds are over, or so many events are taken. Counts what was
acknowledged: the gateway is measured from outside.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

TYPE = "bench:reading"
PAYLOAD = {"action": "reading", "room": "boiler house", "value": 21.5, "note": "as long as events of people are" * 3}
BODY = json.dumps({"data": {"event_type": TYPE, "payload": PAYLOAD}}, separators=(",", ":")).encode()


@dataclass
class Tally:
    """What all connections count, and when that is enough."""

    most: int
    answers: int = 0
    failures: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, *, good: bool) -> None:
        """Count an answer."""
        self.answers += good
        self.failures += not good
        if self.answers == self.most:
            self.over.set()


async def publish(port: int, trust: ssl.SSLContext, request: bytes, tally: Tally, ready: asyncio.Barrier) -> None:
    """One connection, until it is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
    await ready.wait()
    await ready.wait()
    while not tally.over.is_set():
        writer.write(request)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = int(answered.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        tally.count(good=answered.startswith(b"HTTP/1.1 202"))
    writer.close()


async def main(port: int, authority: str, connections: int, *, seconds: float, token: str, most: int) -> None:
    """Publish after all connections stand."""
    trust = ssl.create_default_context(cafile=authority)
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    tally, ready = Tally(most), asyncio.Barrier(connections + 1)
    request = head.encode() + BODY
    tasks = [asyncio.create_task(publish(port, trust, request, tally, ready)) for _ in range(connections)]
    await ready.wait()
    # Standing by for the signal to begin, so that handshakes are no part of what is measured.
    print("standing", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began = time.perf_counter()
    await ready.wait()
    with suppress(TimeoutError):
        await asyncio.wait_for(tally.over.wait(), seconds)
    tally.over.set()
    await asyncio.gather(*tasks)
    wall = time.perf_counter() - began
    print(json.dumps({"polls": tally.answers, "failures": tally.failures, "wall": wall}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    given = sys.argv[1:]
    most = int(given[5]) if len(given) > 5 else 0
    asyncio.run(main(int(given[0]), given[1], int(given[2]), seconds=float(given[3]), token=given[4], most=most))
