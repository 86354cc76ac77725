"""FastAPI on uvicorn with uvloop and httptools."""

from __future__ import annotations

from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

from benchmarks.peers.work import Place, allowed, answer

place = Place.from_arguments()
app = FastAPI()


class Call(BaseModel):
    """A JSON-RPC call."""

    jsonrpc: str
    id: int
    method: str
    params: dict[str, Any]


@app.post("/api/v1/rpc")
async def rpc(call: Call, authorization: Annotated[str, Header()]) -> dict[str, Any]:
    """Answer one call."""
    if not allowed(place.secret, authorization):
        raise HTTPException(401)
    return answer(call.model_dump())


uvicorn.run(
    app,
    host="127.0.0.1",
    port=place.port,
    ssl_certfile=place.certificate,
    loop="uvloop",
    http="httptools",
    log_level="warning",
    access_log=False,
)
