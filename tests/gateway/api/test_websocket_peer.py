"""Another implementation of WebSocket against ours, over TLS."""

from __future__ import annotations

import pytest
import trio
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from gateway.api.seed_paths import method_of
from gateway.api.test_profile.profile import ECHO, TestProfile
from tests.gateway.api.rig import Rig

pytestmark = [pytest.mark.e2e, pytest.mark.interop]


async def test_another_implementation_gets_its_messages_back(rig: Rig) -> None:
    def talk() -> None:
        url = f"wss://127.0.0.1:{rig.port}{ECHO}"
        with connect(url, ssl=rig.trusting(), compression="deflate", proxy=None) as peer:
            assert not peer.protocol.extensions
            for message in ("Zähler", b"\x00\xff", "", b"", "x" * 60_000, bytes(65_536)):
                peer.send(message)
                assert peer.recv() == message
            # In pieces, with a ping between them.
            peer.send(part for part in ("a", "b", "", "c"))
            assert peer.recv() == "abc"
            assert peer.ping().wait(5)
            peer.close(4000, "enough")
            assert peer.close_code == 4000

    async with rig.served(app=TestProfile(rig.app, method_of)):
        with trio.fail_after(20):
            await trio.to_thread.run_sync(talk)


async def test_a_message_too_long_is_1009_and_a_foreign_page_403(rig: Rig) -> None:
    def talk() -> tuple[int | None, int]:
        url = f"wss://127.0.0.1:{rig.port}{ECHO}"
        with connect(url, ssl=rig.trusting(), proxy=None) as peer:
            peer.send(bytes(70_000))
            with pytest.raises(ConnectionClosedError, match="1009"):
                peer.recv()
            code = peer.close_code
        with pytest.raises(InvalidStatus) as refusal:
            connect(url, ssl=rig.trusting(), origin=Origin("https://evil.example"), proxy=None)
        return code, refusal.value.response.status_code

    async with rig.served(app=TestProfile(rig.app, method_of)):
        with trio.fail_after(20):
            assert await trio.to_thread.run_sync(talk) == (1009, 403)
