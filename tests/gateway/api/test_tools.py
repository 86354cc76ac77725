"""Borrowing and overhearing a line through the API."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from gateway.api.methods.tools import tool_methods
from gateway.core.errors import GatewayError
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from tests.gateway.api.fakes import NOON, FakeField, Notes


async def call(field: FakeField, name: str, **params: Json) -> Any:
    caller = Principal("operator", frozenset({"devices:write"}), Kind.OPERATOR, "a-token")
    return await tool_methods(field, lambda: NOON, Notes())[name].run(params, caller, {"client": ("127.0.0.1", 1)})


async def test_a_loan_says_until_when(nursery: trio.Nursery) -> None:
    field = FakeField()

    assert await call(field, "line.borrow", line="bus", seconds=60) == {
        "lease": "0a0b",
        "seconds": 60,
        "until": "2027-01-15T08:01:00.000Z",
    }
    assert await call(field, "line.return", line="bus", lease="0a0b") == {"line": "bus"}
    assert field.asked == [("bus", 60, None), ("bus", "0a0b")]


async def test_an_exchange_gives_the_reply_and_what_went_wrong_on_the_way(nursery: trio.Nursery) -> None:
    field = FakeField()

    answer = await call(field, "line.exchange", line="bus", lease="0a0b", unit=3, pdu="0300000001", timeout=0.5)

    assert answer == {
        "pdu": "03020007",
        "reason": None,
        "message": None,
        "seconds": 0.01,
        "causes": ["late"],
        "latePossible": False,
    }
    assert field.asked == [("bus", "0a0b", 3, b"\x03\x00\x00\x00\x01", 0.5)]


async def test_traffic_has_wall_times_and_says_what_was_lost(nursery: trio.Nursery) -> None:
    field = FakeField()

    answer = await call(field, "line.traffic", line="bus", after=7)

    [record] = answer["records"]
    assert answer["lost"] == 2
    assert (record["number"], record["direction"], record["data"]) == (8, "sent", "0103")
    assert record["time"] == pytest.approx(NOON, abs=5)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("line.borrow", {"line": "bus", "seconds": 601}),
        ("line.borrow", {"line": "bus", "seconds": 0}),
        ("line.exchange", {"line": "bus", "lease": "a", "unit": 1, "pdu": "zz"}),
        ("line.exchange", {"line": "bus", "lease": "a", "unit": 256, "pdu": "03"}),
        ("line.traffic", {"line": "bus", "after": -1}),
    ],
)
async def test_nonsense_is_refused(nursery: trio.Nursery, name: str, params: dict[str, Json]) -> None:
    with pytest.raises(GatewayError):
        await call(FakeField(), name, **params)


@pytest.mark.parametrize("name", ["line.borrow", "line.return", "line.exchange"])
def test_what_stops_polling_needs_the_right_to_write(name: str) -> None:
    assert tool_methods(FakeField(), lambda: NOON, Notes())[name].scope == "devices:write"
