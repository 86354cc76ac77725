"""What schemathesis does not know of this API: how a package is sent, and who must not be let in."""

from __future__ import annotations

import os
from typing import Any

import schemathesis
from hypothesis import strategies as st

# Unlikely to be one, as everything else that strangers send.
schemathesis.openapi.media_type("application/gzip", st.binary(min_size=1, max_size=200))
WITHOUT_TOKEN = "STRANGER"


@schemathesis.serializer("application/gzip")
def packed(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


@schemathesis.check
def strangers_stay_outside(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """Without a token nothing that needs one is answered, whatever else is wrong with the request."""
    security = case.operation.definition.raw.get("security") or [{}]
    if os.environ.get(WITHOUT_TOKEN) and {} not in security:
        assert response.status_code in {400, 401, 413, 415, 429}, f"a stranger was answered {response.status_code}"
    return None
