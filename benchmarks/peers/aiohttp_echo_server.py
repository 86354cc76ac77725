"""aiohttp on asyncio's own loop: an echo over WebSocket."""

from __future__ import annotations

import ssl

from aiohttp import WSMsgType, web

from benchmarks.peers.work import Place

place = Place.from_arguments()


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send back what comes."""
    socket = web.WebSocketResponse(heartbeat=20, compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


app = web.Application()
app.router.add_get("/_test/echo", echo)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(place.certificate)
web.run_app(app, host="127.0.0.1", port=place.port, ssl_context=context, access_log=None, print=None)
