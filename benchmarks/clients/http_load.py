"""Reads one tag again and again on some TLS connections: ``http_load PORT AUTHORITY CONNECTIONS SECONDS TOKEN``.

One request under way on each connection. Measures nothing but how many were answered: the server is measured from
outside.
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


async def converse(port: int, trust: ssl.SSLContext, request: bytes, tally: Tally, ready: asyncio.Barrier) -> None:
    """One connection, until it is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
    await ready.wait()
    while not tally.over:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        good = head.startswith(b"HTTP/1.1 200") and b'"quality":"good"' in body.replace(b": ", b":")
        tally.answers += good
        tally.failures += not good
    writer.close()


async def run(port: int, authority: str, connections: int, seconds: float, token: str) -> dict[str, float]:
    """Ask for some seconds, after all connections stand."""
    trust = ssl.create_default_context(cafile=authority)
    head = (
        f"POST /api/v1/rpc HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    tally, ready = Tally(), asyncio.Barrier(connections + 1)
    tasks = [asyncio.create_task(converse(port, trust, head.encode() + BODY, tally, ready)) for _ in range(connections)]
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
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]))
