"""A scan through the running gateway: what it asks of that, and what stays in the record."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.field.scan import scan
from gateway.field.scan_borrowed import BorrowedSite
from gateway.field.scan_bus import LineLostError
from gateway.field.scan_found import Scan

ROW = {"line": "bus", "transport": "tcp", "port": "192.168.1.5:502"}


class FakeGateway:
    """A gateway whose line has one device; it says what it was asked."""

    def __init__(self, unit: int = 2, *, lost_after: int | None = None) -> None:
        self.asked: list[str] = []
        self._unit = unit
        self._lost_after = lost_after

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.asked.append(method)
        if method == "line.list":
            return {"lines": [ROW]}
        if method == "line.borrow":
            return {"lease": params.get("lease", "lease-1")}
        if method == "line.exchange" and self.asked.count("line.exchange") == self._lost_after:
            return {"pdu": None, "reason": "returned", "message": "the loan is over", "causes": [], "seconds": None}
        if method == "line.exchange" and params["unit"] == self._unit and params["pdu"].startswith("03"):
            return {"pdu": "03020007", "reason": None, "message": None, "causes": [], "seconds": 0.01}
        return {"pdu": None, "reason": "no_answer", "message": "no answer", "causes": ["timeout"], "seconds": None}


async def test_a_line_is_borrowed_once_for_a_whole_scan() -> None:
    gateway, result = FakeGateway(), Scan()

    await scan(BorrowedSite(gateway.call, "bus"), result, units=[1, 2, 20], listening=0.0)

    assert [one.unit for one in result.found] == [2]
    assert result.complete
    assert gateway.asked[1] == "line.borrow"
    assert gateway.asked[-1] == "line.return"
    assert (gateway.asked.count("line.borrow"), gateway.asked.count("line.return")) == (1, 1)


async def test_a_line_is_given_back_when_the_scan_is_broken_off() -> None:
    gateway, result = FakeGateway(lost_after=2), Scan()

    with pytest.raises(LineLostError, match="the loan is over"):
        await scan(BorrowedSite(gateway.call, "bus"), result, units=[1, 2, 20], listening=0.0)

    assert not result.complete
    assert gateway.asked[-1] == "line.return"


async def test_outside_of_a_scan_each_use_borrows_for_itself() -> None:
    gateway = FakeGateway()
    site = BorrowedSite(gateway.call, "bus")
    for _ in range(2):
        async with site.open(site.settings[0]):
            pass
    assert gateway.asked == ["line.list", "line.borrow", "line.return", "line.borrow", "line.return"]
