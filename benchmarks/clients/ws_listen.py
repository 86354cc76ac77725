"""Listening WebSocket clients: ``ws_listen PORT AUTHORITY PATH CLIENTS SECONDS TOKEN``.

Each subscribes to one of the tags and counts the events it gets, and those that it did not ask for. The server is
measured from outside.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time

from benchmarks.clients.ws_load import AT_ONCE, Client, Tally
from benchmarks.peers.happenings import data_of, subscription


async def listen(client: Client, number: int, tally: Tally) -> None:
    """Count what comes until the connection ends."""
    wanted = json.dumps(data_of(number)["tag"]).encode()
    while (text := await client.receive()) is not None:
        if b'"seq"' in text and b'"data"' in text:
            tally.echoes += 1
            tally.failures += wanted not in text


async def run(address: tuple[int, str, str], clients: int, seconds: float, token: str) -> None:
    """Listen for some seconds, after all stand."""
    port, authority, path = address
    trust = ssl.create_default_context(cafile=authority)
    gate = asyncio.Semaphore(AT_ONCE)
    tally = Tally()

    async def connect(number: int) -> tuple[Client, asyncio.Task[None]]:
        async with gate:
            ends = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
            client = Client(*ends)
            await client.open(port, path, f"Authorization: Bearer {token}\r\n")
            client.send(json.dumps(subscription(number)).encode())
            return client, asyncio.create_task(listen(client, number, tally))

    standing = await asyncio.gather(*(connect(number) for number in range(clients)))
    await asyncio.sleep(0.5)
    print("standing", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    before, began = tally.echoes, time.perf_counter()
    await asyncio.sleep(seconds)
    events, wall = tally.echoes - before, time.perf_counter() - began
    print(json.dumps({"polls": events, "failures": tally.failures, "wall": wall}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for client, _ in standing:
        client.leave()
    await asyncio.wait([task for _, task in standing], timeout=5)


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(run((int(given[0]), given[1], given[2]), int(given[3]), float(given[4]), given[5]))
