"""Delivers webhooks with what others use: ``hooks httpx|aiohttp|stdlib PORT AUTHORITY COUNT``; two at once.

Each makes the body of an event, signs it as Standard Webhooks has it, and posts it over a kept TLS connection. None
keeps anything, or tries again.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import http.client
import json
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Iterator

AT_ONCE = 2
KEY = b"k" * 32
DATA = {"action": "reading", "room": "boiler house", "value": 21.5, "note": "as long as events of people are" * 3}


def parcels(count: int) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Bodies and headers of so many events."""
    for number in range(count):
        id_, moment = str(uuid.uuid4()), str(int(time.time()))
        event = {
            "attempt": 1,
            "clock": "synchronised",
            "data": DATA,
            "delivered_at": "2026-01-13T13:00:05Z",
            "event_id": id_,
            "event_type": "bench:reading",
            "gateway": "ferrule-0011223344556677",
            "seq": number,
            "timestamp": "2026-01-13T13:00:00Z",
            "webhook_id": "wh-0011223344",
        }
        body = json.dumps(event, separators=(",", ":"), sort_keys=True).encode()
        signature = base64.b64encode(hmac.digest(KEY, f"{id_}.{moment}.".encode() + body, "sha256")).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{signature}",
        }
        yield body, headers


async def with_httpx(port: int, trust: ssl.SSLContext, count: int) -> None:
    """httpx on asyncio."""
    import httpx  # noqa: PLC0415 - one of three is there

    url, waiting = f"https://127.0.0.1:{port}/hook", parcels(count)
    async with httpx.AsyncClient(verify=trust, trust_env=False) as client:

        async def work() -> None:
            for body, headers in waiting:
                (await client.post(url, content=body, headers=headers)).raise_for_status()

        await asyncio.gather(*[work() for _ in range(AT_ONCE)])


async def with_aiohttp(port: int, trust: ssl.SSLContext, count: int) -> None:
    """aiohttp on asyncio's own loop."""
    import aiohttp  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - installed for benchmarks only

    url, waiting = f"https://127.0.0.1:{port}/hook", parcels(count)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as client:

        async def work() -> None:
            for body, headers in waiting:
                async with client.post(url, data=body, headers=headers) as answer:
                    answer.raise_for_status()

        await asyncio.gather(*[work() for _ in range(AT_ONCE)])


def with_stdlib(port: int, trust: ssl.SSLContext, count: int) -> None:
    """http.client on threads."""

    def work(share: int) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust)
        for body, headers in parcels(share):
            connection.request("POST", "/hook", body, headers)
            connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=work, args=(count // AT_ONCE,)) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(library: str, port: int, authority: str, count: int) -> dict[str, float]:
    """Deliver so many, after one for warming up; CPU seconds and wall seconds of that."""
    trust = ssl.create_default_context(cafile=authority)

    def deliver(number: int) -> None:
        if library == "stdlib":
            with_stdlib(port, trust, number)
        else:
            asyncio.run((with_httpx if library == "httpx" else with_aiohttp)(port, trust, number))

    deliver(AT_ONCE)
    cpu, began = time.process_time(), time.perf_counter()
    deliver(count)
    return {"polls": count, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))
