"""What a write is answered with when the time for an answer runs out."""

from __future__ import annotations

from gateway.api.readings import write_result
from gateway.core.ports import Outcome, WriteResult

UNKNOWN_AT_DEADLINE = write_result(
    WriteResult(
        Outcome.UNKNOWN,
        "deadline",
        "the line did not finish the write in time; it may still be carried out: read the value before writing again",
    )
)
