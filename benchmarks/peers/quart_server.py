"""Stock quart-trio on stock hypercorn."""

from __future__ import annotations

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import jsonify, request
from quart.typing import ResponseReturnValue
from quart_trio import QuartTrio

from benchmarks.peers.work import Place, allowed, answer

place = Place.from_arguments()
app = QuartTrio(__name__)


@app.post("/api/v1/rpc")
async def rpc() -> ResponseReturnValue:
    """Answer one call."""
    if not allowed(place.secret, request.headers.get("Authorization", "")):
        return jsonify({"error": "unauthenticated"}), 401
    return jsonify(answer(await request.get_json()))


config = Config()
config.bind = [f"127.0.0.1:{place.port}"]
config.certfile = config.keyfile = place.certificate
config.keep_alive_max_requests = 10**9
trio.run(serve, app, config)
