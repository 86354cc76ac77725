"""One attempt over real sockets: the policy decides, and the address it looked at is the one that is used."""

from __future__ import annotations

from functools import partial

import trio

from gateway.outbound.client import Client
from gateway.settings.model import WebhookAllow, WebhookSettings
from gateway.webhooks.destination import parse_url
from gateway.webhooks.egress import Egress
from gateway.webhooks.sender import Sender
from gateway.webhooks.signing import Parcel

PARCEL = Parcel((("content-type", "application/json"), ("webhook-id", "1")), b"{}")


class World:
    """A receiver on loopback, and a name server that says what a test wants."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.asked: list[bytes] = []
        self.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.addresses: list[list[str]] = [["127.0.0.1"]]
        self.looked_up = 0
        self.settings = WebhookSettings(allow=(WebhookAllow(network="127.0.0.1/32", insecure=True),))
        self.client = Client()
        self.sender = Sender(
            self.client, Egress(lambda: self.settings, lambda _, __: False, list, self.resolve), "Ferrule/1"
        )

    async def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up += 1
        return self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        while data := bytes(await stream.receive_some(4096)):
            self.asked.append(data)
            await stream.send_all(self.answer)

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, self.serve, 0, host="127.0.0.1"))
            self.port = listener.socket.getsockname()[1]
            nursery.start_soon(self.client.run)
            task_status.started()

    @property
    def url(self) -> str:
        return f"http://receiver.test:{self.port}/hook"


async def test_a_name_is_called_by_its_name_at_the_address_that_was_looked_at(nursery: trio.Nursery) -> None:
    world = World()
    await nursery.start(world.run)
    for _ in range(2):
        sent = await world.sender(parse_url(world.url), PARCEL, 0, 5)
        assert (sent.delivered, sent.address) == (True, "127.0.0.1")
    assert (world.connections, world.looked_up) == (1, 1)
    head = world.asked[0].decode()
    assert head.startswith("POST /hook HTTP/1.1\r\n")
    assert f"host: receiver.test:{world.port}\r\n" in head
    assert "user-agent: Ferrule/1\r\n" in head


async def test_a_name_that_changes_its_answer_is_looked_at_anew_for_each_connection(nursery: trio.Nursery) -> None:
    world = World()
    world.answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    # What was harmless when it was asked first leads to the cloud's own address the next time.
    world.addresses = [["127.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["192.168.1.1"]]
    await nursery.start(world.run)
    assert (await world.sender(parse_url(world.url), PARCEL, 0, 5)).delivered
    for words in ("169.254.169.254", "192.168.1.1"):
        sent = await world.sender(parse_url(world.url), PARCEL, 0, 5)
        assert (sent.delivered, sent.refused, sent.address) == (False, True, None)
        assert words in str(sent.error)
    assert (world.connections, world.looked_up) == (1, 3)


async def test_a_reload_that_forbids_it_counts_for_kept_connections(nursery: trio.Nursery) -> None:
    world = World()
    await nursery.start(world.run)
    assert (await world.sender(parse_url(world.url), PARCEL, 0, 5)).delivered
    world.settings = WebhookSettings(allow=(WebhookAllow(network="127.0.0.1/32"),))
    sent = await world.sender(parse_url(world.url), PARCEL, 0, 5)
    assert (sent.delivered, sent.refused) == (False, True)
    assert len(world.asked) == 1


async def test_a_redirect_leads_nowhere(nursery: trio.Nursery) -> None:
    world = World()
    await nursery.start(world.run)
    world.answer = f"HTTP/1.1 302 Found\r\nLocation: {world.url}/other\r\nContent-Length: 0\r\n\r\n".encode()
    sent = await world.sender(parse_url(world.url), PARCEL, 0, 5)
    assert (sent.delivered, sent.status, len(world.asked)) == (False, 302, 1)
