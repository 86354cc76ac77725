"""The websockets library on asyncio's own loop: an echo."""

from __future__ import annotations

import asyncio
import ssl

from websockets.asyncio.server import ServerConnection, serve

from benchmarks.peers.work import Place

place = Place.from_arguments()


async def echo(socket: ServerConnection) -> None:
    """Send back what comes."""
    async for message in socket:
        await socket.send(message)


async def main() -> None:
    """Serve for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.certificate)
    async with serve(echo, "127.0.0.1", place.port, ssl=context, compression=None) as server:
        await server.serve_forever()


asyncio.run(main())
