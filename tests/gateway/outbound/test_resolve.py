"""Names: a name server that does not answer holds up its own names and nothing else."""

from __future__ import annotations

import threading

import pytest
import trio

from gateway.outbound.resolve import Resolver


async def test_an_address_is_looked_up_as_it_is() -> None:
    assert await Resolver()("127.0.0.1", 443) == ["127.0.0.1"]
    assert "127.0.0.1" in await Resolver()("localhost", 443)


async def test_each_address_is_named_once_in_the_systems_order() -> None:
    assert await Resolver(lambda _host, _port: ["10.0.0.2", "10.0.0.1", "10.0.0.2"])("a", 1) == ["10.0.0.2", "10.0.0.1"]


async def test_what_the_system_says_is_passed_on() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(OSError, match="not known"):
        await Resolver(unknown)("a", 1)


async def test_a_name_that_hangs_has_one_thread_and_holds_up_no_other() -> None:
    go, begun = threading.Event(), []

    def look_up(host: str, port: int) -> list[str]:
        begun.append(host)
        if host == "hanging":
            go.wait(10)
        return ["10.0.0.1"]

    resolve = Resolver(look_up)
    try:
        for _ in range(3):
            with trio.move_on_after(0.05) as limit:
                await resolve("hanging", 1)
            assert limit.cancelled_caught
        assert await resolve("other", 1) == ["10.0.0.1"]
        assert begun == ["hanging", "other"]
    finally:
        go.set()
    assert await resolve("hanging", 1) == ["10.0.0.1"]
