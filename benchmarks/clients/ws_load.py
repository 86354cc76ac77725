"""Paced WebSocket clients: ``ws_load PORT AUTHORITY PATH CLIENTS SECONDS INTERVAL``.

Each sends a message every INTERVAL seconds and waits for its echo; all of them spread over the interval. Measures
nothing but how many were echoed and how late: the server is measured from outside.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import sys
import time

SIZE = 64
# Clients that connect at the same time.
AT_ONCE = 10


class Tally:
    """What all clients count."""

    def __init__(self) -> None:
        self.echoes = 0
        self.failures = 0
        self.over = False


class Client:
    """One WebSocket (RFC 6455), as little of it as an echo needs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def open(self, port: int, path: str, more: str = "") -> None:
        """Do the handshake of the WebSocket, with these header lines beside its own."""
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{more}\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionError(head.decode("latin-1"))

    def send(self, text: bytes) -> None:
        """Send a message of up to 125 bytes."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))
        self._writer.write(bytes([0x81, 0x80 | len(text)]) + mask + masked)

    async def receive(self) -> bytes | None:
        """The next message; None where the server closes."""
        while True:
            kind, length = await self._reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self._reader.readexactly(2))
            data = await self._reader.readexactly(length)
            if kind == 0x88:
                return None
            # A ping is not what is waited for, and the answer can wait longer than this lasts.
            if kind == 0x81:
                return data

    async def echo(self, text: bytes) -> bool:
        """Send a message; whether the same comes back."""
        self.send(text)
        return await self.receive() == text

    def leave(self) -> None:
        """Say that nothing more comes: a peer that vanishes is a fault to some servers, and they write about it."""
        self._writer.write(b"\x88\x82" + bytes(4) + (1000).to_bytes(2))

    async def run(self, number: int, clients: int, interval: float, tally: Tally) -> None:
        """Echo at its pace until it is over."""
        begun = time.monotonic() + interval * number / clients
        text = f"{number:04d}".encode().ljust(SIZE, b".")
        turn = 0
        while not tally.over:
            await asyncio.sleep(begun + turn * interval - time.monotonic())
            good = await self.echo(text)
            tally.echoes += good
            tally.failures += not good
            turn += 1
        self.leave()
        await self._reader.read()
        self._writer.close()


async def run(address: tuple[int, str, str], clients: int, seconds: float, interval: float) -> None:
    """Echo for some seconds, after all stand."""
    port, authority, path = address
    trust = ssl.create_default_context(cafile=authority)
    gate = asyncio.Semaphore(AT_ONCE)

    async def connect() -> Client:
        async with gate:
            ends = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="localhost")
            client = Client(*ends)
            await client.open(port, path)
            return client

    standing = await asyncio.gather(*(connect() for _ in range(clients)))
    tally = Tally()
    tasks = [
        asyncio.create_task(client.run(number, clients, interval, tally)) for number, client in enumerate(standing)
    ]
    # One round for all to find their pace.
    await asyncio.sleep(interval)
    print("standing", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    before, began = tally.echoes, time.perf_counter()
    await asyncio.sleep(seconds)
    echoes, wall = tally.echoes - before, time.perf_counter() - began
    print(json.dumps({"polls": echoes, "failures": tally.failures, "wall": wall}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    tally.over = True
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(run((int(given[0]), given[1], given[2]), int(given[3]), float(given[4]), float(given[5])))
