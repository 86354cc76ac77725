"""Tags and raw serial lines for plugins: by the same code as for callers of the API, and noted like theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

import trio

from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.ports import DeviceAccess, Json, Outcome, SerialAnswer, TagRow, WriteResult
from gateway.core.reading import Reading, Value
from gateway.core.written import written
from gateway.plugins.host.services import Caller
from gateway.plugins.services.derived import DerivedTags
from gateway.plugins.services.principal import writer

# Seconds a write may take: the host waits a little longer, so that its outcome is said and not lost.
WRITE_S = 25.0
# Bytes of a message that the audit log keeps.
_NOTED = 64


class Writes:
    """Notes what plugins write.

    Args:
        audit: the log.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def write(
        self, by: Caller, action: str, target: str, details: Mapping[str, Json], work: Awaitable[WriteResult]
    ) -> WriteResult:
        """Carry out a write, in bounded time, and note how it ended."""

        def note(details: Mapping[str, Json], end: AuditOutcome) -> None:
            self._audit.note(action, end, by=writer(by), target=target, details=details)

        with trio.move_on_after(WRITE_S):
            return await written(work, details, note)
        return WriteResult(
            Outcome.UNKNOWN,
            "deadline",
            "the line did not finish the write in time; it may still be carried out: read the value before you write",
        )


class TagService:
    """Implements ``host.services.Tags``.

    Args:
        devices: the field side.
        derived: tags of plugins.
        writes: notes them.
    """

    def __init__(self, devices: DeviceAccess, derived: DerivedTags, writes: Writes) -> None:
        self._devices, self._derived, self._writes = devices, derived, writes
        self.publish = derived.publish
        self.ended = derived.ended
        self.forget = derived.forget

    def list(self) -> Sequence[TagRow]:
        """Every tag."""
        return self._devices.tags()

    async def read(self, names: Sequence[str], max_age: float | None) -> Sequence[Reading]:
        """Readings of tags."""
        return await self._devices.read(names, max_age)

    async def write(self, caller: Caller, name: str, value: Value, lease: float | None) -> WriteResult:
        """Write one tag."""
        details: dict[str, Json] = {"value": value}
        if lease is not None:
            details["lease"] = lease
        work = self._devices.write(name, value, lease, writer(caller))
        return await self._writes.write(caller, "tag.write", name, details, work)


class SerialService:
    """Implements ``host.services.Serial``.

    Args:
        devices: the field side.
        writes: notes them.
    """

    def __init__(self, devices: DeviceAccess, writes: Writes) -> None:
        self._devices, self._writes = devices, writes

    async def read(self, line: str, max_age: float | None) -> SerialAnswer:
        """The last message of a line."""
        return await self._devices.serial_read(line, max_age)

    async def write(self, caller: Caller, line: str, data: bytes) -> WriteResult:
        """Send bytes on a line."""
        details: dict[str, Json] = {"bytes": len(data), "data": data[:_NOTED].hex()}
        return await self._writes.write(caller, "serial.write", line, details, self._devices.serial_write(line, data))
