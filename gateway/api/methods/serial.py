"""``serial.list``, ``serial.read`` and ``serial.write``: lines that do not speak Modbus."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from msgspec import Meta

from gateway.api.dispatch import Method, method, told
from gateway.api.methods.outcome import UNKNOWN_AT_DEADLINE
from gateway.api.noted import Noted
from gateway.api.origin import Origin
from gateway.api.params import Name, NoParams, ParamsModel, Seconds
from gateway.api.readings import write_result
from gateway.core import rfc3339
from gateway.core.audit import AuditLog
from gateway.core.errors import invalid
from gateway.core.ports import DeviceAccess, Json

MAX_BYTES = 4096
# Bytes of a message that the audit log keeps.
_NOTED = 64


class SerialRead(ParamsModel, frozen=True):
    """Parameters of ``serial.read``: the last message, not older than ``maxAge`` seconds where that is given."""

    line: Name
    max_age: Seconds | None = None


class SerialWrite(ParamsModel, frozen=True):
    """Parameters of ``serial.write``: ``text`` (sent as UTF-8) or ``data`` (base64), one of the two."""

    line: Name
    text: Annotated[str, Meta(min_length=1)] | None = None
    data: Annotated[str, Meta(min_length=1)] | None = None


def serial_methods(devices: DeviceAccess, audit: AuditLog) -> dict[str, Method]:
    """The namespace ``serial``."""
    written = Noted(audit, "serial.write")

    async def list_ports(_: NoParams) -> object:
        ports = devices.serial_ports()
        return {"ports": ports, "total": len(ports)}

    async def read(params: SerialRead) -> object:
        answer = await devices.serial_read(params.line, params.max_age)
        return {
            "line": params.line,
            "text": answer.text,
            "data": None if answer.data is None else base64.b64encode(answer.data).decode(),
            "reason": answer.reason,
            "message": answer.message,
            "timestamp": None if answer.time is None else rfc3339.text(answer.time),
            "clock": answer.clock,
        }

    async def write(params: SerialWrite, origin: Origin) -> object:
        content = _bytes(params)
        details: dict[str, Json] = {"bytes": len(content), "data": content[:_NOTED].hex()}
        return write_result(
            await written.write(origin, params.line, details, devices.serial_write(params.line, content))
        )

    return {
        "serial.list": method(NoParams, list_ports, scope="devices:read"),
        "serial.read": method(SerialRead, read, scope="devices:read"),
        "serial.write": told(SerialWrite, write, scope="devices:write", at_deadline=UNKNOWN_AT_DEADLINE),
    }


def _bytes(params: SerialWrite) -> bytes:
    if (params.text is None) == (params.data is None):
        raise invalid("data", "give either text, or data in base64", None)
    if params.text is not None:
        content = params.text.encode()
    else:
        try:
            content = base64.b64decode(params.data or "", validate=True)
        except binascii.Error:
            raise invalid("data", "is not base64 (RFC 4648, 4)", params.data) from None
    if len(content) > MAX_BYTES:
        raise invalid("data" if params.text is None else "text", f"is longer than {MAX_BYTES} bytes", len(content))
    return content
