"""aiohttp on asyncio's own loop: events to whom they concern, over WebSocket."""

from __future__ import annotations

import asyncio
import ssl

from aiohttp import web

from benchmarks.peers.happenings import Groups
from benchmarks.peers.work import Place

place = Place.from_arguments()
groups = Groups[web.WebSocketResponse]()


async def listen(request: web.Request) -> web.WebSocketResponse:
    """Take one subscription."""
    socket = web.WebSocketResponse(heartbeat=20, compress=False)
    await socket.prepare(request)
    groups.join(socket, await socket.receive_str())
    try:
        async for _ in socket:
            pass
    finally:
        groups.leave(socket)
    return socket


async def send(sockets: set[web.WebSocketResponse], text: str) -> None:
    """Send an event to all of these."""
    for socket in tuple(sockets):
        await socket.send_str(text)


async def main() -> None:
    """Serve for ever."""
    app = web.Application()
    app.router.add_get("/v1/events", listen)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place.certificate)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", place.port, ssl_context=context).start()
    await groups.tell(send)


asyncio.run(main())
