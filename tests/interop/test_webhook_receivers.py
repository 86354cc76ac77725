"""Webhooks over real TLS, out of the real log, to receivers that others wrote: each proves every delivery."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import pytest
import trio
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from standardwebhooks.webhooks import Webhook

from gateway.api.server.certificates import make_authority, make_leaf
from gateway.core.alerts import Alerts
from gateway.core.bus import Bus
from gateway.core.channels import may_receive
from gateway.core.events import Event, EventSource, uuid7
from gateway.core.principal import Kind, Principal
from gateway.core.sealing import Seal
from gateway.core.timeline import Timeline
from gateway.events.journal import Journal
from gateway.outbound.client import Client
from gateway.outbound.resolve import Resolver
from gateway.settings.model import WebhookAllow, WebhookSettings
from gateway.storage import StoreSettings, open_storage
from gateway.storage.event_store import open_events
from gateway.webhooks.egress import Egress
from gateway.webhooks.hosts import Hosts
from gateway.webhooks.sender import Sender
from gateway.webhooks.service import Webhooks
from gateway.webhooks.works import Pages, Works
from tests.e2e.programs import PATIENCE_S, missing, needed
from tests.gateway.webhooks.conftest import Owners

NODE = Path(__file__).parent / "node"
SECRET = "webhook-secret-here"
OPERATOR = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
# What other writers of JSON spell in other ways.
TRICKY: dict[str, object] = {
    "text": 'ü€😀"\\/\b\f\n\r\t\u0001\u2028 "signature":"sha256=',
    "numbers": [0, -0.0, 1.0, 1e21, 1e-7, 0.1, 123456789012, 5e-324, 1.7976931348623157e308, -1.5],
    "\ue000": 1,
    "😀": 2,
    "": {"b": [], "a": {}, "Z": None, "é": True},
}


@dataclass
class Receiver:
    """Node's server, and what it says of each delivery."""

    port: int
    said: trio.MemoryReceiveChannel[dict[str, object]]

    async def next(self) -> dict[str, object]:
        with trio.fail_after(PATIENCE_S):
            return await self.said.receive()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.pem, leaf.pem and key.pem."""
    place = tmp_path_factory.mktemp("receiver")
    authority = make_authority("receiver", time.time())
    leaf = make_leaf(authority.certificate, authority.key, ["localhost", "127.0.0.1"], time.time())
    key = load_pem_private_key(leaf.key, None)
    (place / "ca.pem").write_bytes(authority.certificate)
    (place / "leaf.pem").write_bytes(leaf.certificate)
    (place / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return place


@asynccontextmanager
async def receiving(certificate: Path) -> AsyncIterator[Receiver]:
    node = needed("node")
    if not (NODE / "node_modules" / "standardwebhooks").is_dir():
        missing("standardwebhooks is not installed: .ci/node-clients")
    command = [node, str(NODE / "webhooks.js"), str(certificate / "leaf.pem"), str(certificate / "key.pem"), SECRET]
    send, said = trio.open_memory_channel[dict[str, object]](1000)
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(command, stdout=PIPE)
        assert process.stdout is not None
        lines = _lines(process.stdout)

        async def read() -> None:
            async for line in lines:
                await send.send(json.loads(line))

        try:
            with trio.fail_after(PATIENCE_S):
                port = int(await anext(lines))
            nursery.start_soon(read)
            yield Receiver(port, said)
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            nursery.cancel_scope.cancel()


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[bytes]:
    came = b""
    async for chunk in stream:
        came += bytes(chunk)
        *whole, came = came.split(b"\n")
        for line in whole:
            yield line


@asynccontextmanager
async def gateway(state: Path, ca: Path) -> AsyncIterator[tuple[Webhooks, Journal]]:
    """What the gateway has of webhooks, with its real log, disk, client and policy."""
    settings = WebhookSettings(allow=(WebhookAllow(network="127.0.0.1/32", ca=str(ca)),))
    alerts = Alerts(time.time, lambda *_: None, lambda: uuid7(time.time()))
    client, timeline = Client(), Timeline(trio.current_time, time.time, lambda: True)
    async with (
        open_storage(state, settings=StoreSettings(), monotonic=trio.current_time, wall=time.time) as storage,
        open_events(storage, wall=time.time) as store,
    ):
        source = EventSource("ferrule-1", timeline, store.log.last, reserve=lambda _: None, stride=1000)
        journal = Journal(source, Bus[Event](), store.log, alerts)
        egress = Egress(lambda: settings, lambda _, __: False, list, Resolver())
        works = Works(
            log=store.log,
            pages=Pages(store.log),
            outbox=store.outbox,
            send=Sender(client, egress, "ferrule-test"),
            hosts=Hosts(lambda: settings.per_host),
            seal=Seal(bytes(32)),
            settings=lambda: settings,
            announce=lambda *_: None,
            alerts=alerts,
            owners=Owners(),
            may_receive=may_receive,
            wall=time.time,
            chance=lambda: secrets.randbelow(1000) / 1000,
            name=lambda: uuid7(time.time()),
        )
        webhooks = Webhooks(works, egress, gateway="ferrule-1", clock=lambda: "synchronised", newer=journal.watch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            nursery.start_soon(journal.run)
            nursery.start_soon(storage.run)
            nursery.start_soon(webhooks.run)

            async def begun() -> bool:
                await trio.lowlevel.checkpoint()
                return webhooks.begun

            await _until(begun)
            yield webhooks, journal
            nursery.cancel_scope.cancel()


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1000):
        if await condition():
            return
        await trio.sleep(PATIENCE_S / 1000)
    raise AssertionError("it never was so")


async def happen(journal: Journal, data: Iterable[Mapping[str, object]]) -> list[Event]:
    return [await journal.accept("alarm:raised", one) for one in data]


async def test_receivers_in_javascript_and_python_prove_every_delivery(tmp_path: Path, certificate: Path) -> None:
    async with receiving(certificate) as receiver, gateway(tmp_path, certificate / "ca.pem") as (webhooks, journal):
        body = {"url": f"https://127.0.0.1:{receiver.port}/hook?x=1", "events": ["alarm:*"], "secret": SECRET}
        made = await webhooks.create(OPERATOR, body)
        data: list[Mapping[str, object]] = [TRICKY, {}, *({"n": number} for number in range(20))]
        events = await happen(journal, data)
        said = [await receiver.next() for _ in events]
        assert sorted(str(one["id"]) for one in said) == sorted(event.id for event in events)
        verifier = Webhook(made.signing_secret)
        for one in said:
            assert (one["standard"], one["octokit"], one["body"], one["canonical"]) == (True, True, True, True)
            assert "signature" in str(one["forged"])
            headers, raw = one["headers"], str(one["raw"])
            assert isinstance(headers, dict)
            assert isinstance(verifier.verify(raw, headers), dict)
            read = from_http_event(HTTPMessage(headers, raw.encode()))
            assert (read.get_id(), read.get_type()) == (one["id"], "alarm:raised")
            assert (read.get_source(), read.get_specversion()) == ("/gateways/ferrule-1", "1.0")
        again = await webhooks.rotate_secret(OPERATOR, made.webhook.id)
        result = await webhooks.test(OPERATOR, made.webhook.id)
        assert (result.delivered, result.status, result.address) == (True, 204, "127.0.0.1")
        said_of_test = await receiver.next()
        # The old secret still proves it by its own library, and the new one too.
        assert said_of_test["standard"] is True
        headers = said_of_test["headers"]
        assert isinstance(headers, dict)
        assert Webhook(again.signing_secret).verify(str(said_of_test["raw"]), headers)


async def test_a_cloud_event_is_read_by_its_own_library(tmp_path: Path, certificate: Path) -> None:
    async with receiving(certificate) as receiver, gateway(tmp_path, certificate / "ca.pem") as (webhooks, journal):
        url = f"https://127.0.0.1:{receiver.port}/"
        body = {"url": url, "events": ["alarm:*"], "secret": SECRET, "format": "cloudevents"}
        await webhooks.create(OPERATOR, body)
        [event] = await happen(journal, [TRICKY])
        said = await receiver.next()
        assert (said["standard"], said["octokit"], said["body"]) == (True, True, None)
        headers = said["headers"]
        assert isinstance(headers, dict)
        read = from_http_event(HTTPMessage(headers, str(said["raw"]).encode()))
        assert (read.get_id(), read.get_data()) == (event.id, TRICKY)
        assert read.get_extension("sequence") == str(event.sequence)


async def test_what_was_not_delivered_is_after_a_restart(tmp_path: Path, certificate: Path) -> None:
    async with receiving(certificate) as receiver:
        async with gateway(tmp_path, certificate / "ca.pem") as (webhooks, journal):
            body = {"url": f"https://127.0.0.1:{receiver.port}/", "events": ["*"], "secret": SECRET}
            made = await webhooks.create(OPERATOR, body)
            await webhooks.pause(OPERATOR, made.webhook.id)
            events = await happen(journal, [{"n": number} for number in range(50)])
        async with gateway(tmp_path, certificate / "ca.pem") as (webhooks, journal):
            await webhooks.resume(OPERATOR, made.webhook.id)
            said = [await receiver.next() for _ in events]
            assert sorted(str(one["id"]) for one in said) == sorted(event.id for event in events)

            async def written() -> bool:
                found = (await webhooks.get(OPERATOR, made.webhook.id)).deliveries
                return found == {"waiting": 0, "delivered": 50, "dead": 0, "cancelled": 0}

            await _until(written)
