"""The websockets library on asyncio's own loop: events to whom they concern, by its own ``broadcast``."""

from __future__ import annotations

import asyncio
import ssl

from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.peers.happenings import Groups
from benchmarks.peers.work import Place

place = Place.from_arguments()
groups = Groups[ServerConnection]()


async def listen(socket: ServerConnection) -> None:
    """Take one subscription."""
    groups.join(socket, str(await socket.recv()))
    try:
        await socket.wait_closed()
    finally:
        groups.leave(socket)


async def send(sockets: set[ServerConnection], text: str) -> None:
    """Send an event to all of these."""
    broadcast(sockets, text)


async def main() -> None:
    """Serve for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.certificate)
    async with serve(listen, "127.0.0.1", place.port, ssl=context, compression=None):
        await groups.tell(send)


asyncio.run(main())
