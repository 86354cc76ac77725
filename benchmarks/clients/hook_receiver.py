"""Receives webhooks over TLS and counts them: ``hook_receiver CERTIFICATE``.

Says its port; to each line on standard input it says how many distinct ones came, and when the newest did (in seconds
of the monotonic clock all processes share). It proves nothing: that is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Tally:
    """What came."""

    def __init__(self) -> None:
        self.ids: set[bytes] = set()
        self.newest = 0.0


async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tally: Tally) -> None:
    """One connection, until it ends."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            tally.ids.add(head.partition(b"webhook-id:")[2].split(b"\r\n", 1)[0])
            tally.newest = time.monotonic()
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, OSError):
        writer.close()


async def main(certificate: str) -> None:
    """Serve until standard input ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tally = Tally()
    server = await asyncio.start_server(
        lambda reader, writer: take(reader, writer, tally), "127.0.0.1", 0, ssl=context, backlog=256
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"polls": len(tally.ids), "newest": tally.newest}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
