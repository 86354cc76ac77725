"""Reads one tag again and again on some TLS connections: ``http_load PORT AUTHORITY CONNECTIONS SECONDS TOKEN [new]``.

One request under way on each connection; with ``new`` each has an ``X-Request-ID`` of its own. Measures nothing but how
many were answered: the server is measured from outside.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time

BODY = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "tag.read", "params": {"tags": ["line0/device/t0"]}}, separators=(",", ":")
).encode()


class Tally:
    """What all connections count."""

    def __init__(self) -> None:
        self.answers = 0
        self.failures = 0
        self.over = False


async def converse(
    port: int, trust: ssl.SSLContext, request: bytes, tally: Tally, ready: asyncio.Barrier, *, new: bool
) -> None:
    """One connection, until it is over."""
    head, _, body = request.partition(b"\r\n\r\n")
    number = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
    await ready.wait()
    while not tally.over:
        number += 1
        writer.write(b"%b\r\nX-Request-ID: %d\r\n\r\n%b" % (head, number, body) if new else request)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = int(answered.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        reading = await reader.readexactly(length)
        good = answered.startswith(b"HTTP/1.1 200") and b'"quality":"good"' in reading.replace(b": ", b":")
        tally.answers += good
        tally.failures += not good
    writer.close()


async def run(
    port: int, authority: str, connections: int, seconds: float, token: str, *, new: bool
) -> dict[str, float]:
    """Ask for some seconds, after all connections stand."""
    trust = ssl.create_default_context(cafile=authority)
    head = (
        f"POST /api/v1/rpc HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    tally, ready = Tally(), asyncio.Barrier(connections + 1)
    request = head.encode() + BODY
    tasks = [asyncio.create_task(converse(port, trust, request, tally, ready, new=new)) for _ in range(connections)]
    await ready.wait()
    # Standing by for the signal to begin, so that handshakes are no part of what is measured.
    print("standing", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    before, began = tally.answers, time.perf_counter()
    await asyncio.sleep(seconds)
    answers, wall = tally.answers - before, time.perf_counter() - began
    print(json.dumps({"polls": answers, "failures": tally.failures, "wall": wall}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    tally.over = True
    await asyncio.gather(*tasks)
    return {}


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(run(int(given[0]), given[1], int(given[2]), float(given[3]), given[4], new="new" in given[5:]))
