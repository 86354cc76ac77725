"""What the disk does not take, in words callers understand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import NotKept

_RETRY_S = 5


@asynccontextmanager
async def kept() -> AsyncIterator[None]:
    """Within it, trouble of the disk is something to try again.

    Raises:
        GatewayError: UNAVAILABLE, the disk does not take it now.
    """
    try:
        yield
    except (NotKept, OSError) as error:
        raise GatewayError(Code.UNAVAILABLE, str(error), details={"retryAfter": _RETRY_S}) from error
