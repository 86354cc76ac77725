"""Registers read for themselves, with the frames that went over the line for it."""

from __future__ import annotations

from gateway.cli.client import Call, Client, Json
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Screen
from gateway.field.address import Address
from gateway.field.overheard import Overheard, overheard, request_bytes
from gateway.field.registers import in_hex

_CHECKSUMS = {"right": "checksum right", "wrong": "checksum WRONG", "none": "this transport has no checksum"}


class Exchanges:
    """Reads registers through a gateway, and overhears the line meanwhile.

    Args:
        client: the gateway.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._transports: dict[str, str] = {}
        # The last record of each line that was overheard before; overhearing begins with the first call.
        self._seen: dict[str, int] = {}

    def ask(self, line: str, unit: int, address: Address, count: int) -> Json:
        """Read registers or bits; docs/cli.md has the form.

        Raises:
            CommandError: the gateway cannot be asked, or no request carries so many.
        """
        try:
            request = request_bytes(unit, address, count)
        except ValueError as error:
            raise CommandError(str(error), WRONG) from None
        if not self._transports:
            self._transports = {row["line"]: row["transport"] for row in self._client.call("line.list")["lines"]}
        if line not in self._seen:
            self._note(line, self._client.call("line.traffic", line=line))
        place = {"line": line, "unit": unit, "table": address.table, "address": address.wire}
        answer, traffic = self._client.calls(
            [
                Call("modbus.read", {**place, "count": count}),
                Call("line.traffic", {"line": line, "after": self._seen[line]}),
            ]
        )
        self._note(line, traffic)
        if answer["values"] is not None and not traffic["records"]:
            # Overhearing had ended by itself, and counts anew.
            del self._seen[line]
        heard = overheard(traffic["records"], self._transports.get(line, "rtu"), unit, request)
        return {
            **place,
            "modicon": address.modicon,
            "count": count,
            "function": request[0],
            "values": answer["values"],
            "reason": answer.get("reason"),
            "message": answer.get("message"),
            "frames": None if heard is None else _frames(heard),
        }

    def _note(self, line: str, traffic: Json) -> None:
        records = traffic["records"]
        self._seen[line] = records[-1]["number"] if records else self._seen.get(line, 0)


def _frames(heard: Overheard) -> Json:
    return {
        "request": heard.request.hex(" "),
        "reply": heard.reply.hex(" ") or None,
        "milliseconds": None if heard.seconds is None else round(heard.seconds * 1000, 2),
        "checksum": heard.checksum,
        "attempts": heard.attempts,
    }


def show_exchange(screen: Screen, asked: Json, type_: str) -> None:
    """Say what was asked, what went over the line, and what came of it."""
    address = Address(asked["table"], asked["address"])
    screen.line(f"  {address}; unit {asked['unit']}, {type_}, {asked['count']} read with function {asked['function']}")
    frames = asked["frames"]
    if frames is None:
        # A unit that was silent is looked for first, with a request of the gateway's own.
        words = "the request was not sent" if asked["values"] is None else "the frames were not overheard"
        screen.line(f"  {words}", "dim")
    else:
        again = f"  (sent {frames['attempts']} times)" if frames["attempts"] > 1 else ""
        screen.line(f"  request  {frames['request']}{again}")
        if frames["reply"] is None:
            screen.line("  reply    none", "red")
        else:
            verdict = _CHECKSUMS[frames["checksum"]]
            style = "red" if frames["checksum"] == "wrong" else ""
            screen.line(f"  reply    {frames['reply']}  after {frames['milliseconds']:.1f} ms, {verdict}", style)
    if asked["values"] is None:
        screen.line(f"  no value: {asked['message'] or asked['reason']}", "red")
    else:
        screen.line(f"  values   {in_hex(asked['values'])}")
