"""aiohttp on asyncio's own loop."""

from __future__ import annotations

import ssl

from aiohttp import web

from benchmarks.peers.work import Place, allowed, answer

place = Place.from_arguments()


async def rpc(request: web.Request) -> web.Response:
    """Answer one call."""
    if not allowed(place.secret, request.headers.get("Authorization", "")):
        raise web.HTTPUnauthorized
    return web.json_response(answer(await request.json()))


app = web.Application()
app.router.add_post("/api/v1/rpc", rpc)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(place.certificate)
web.run_app(app, host="127.0.0.1", port=place.port, ssl_context=context, access_log=None, print=None)
