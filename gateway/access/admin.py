"""The first administrator: made at the first start, never with a password that another gateway has (D-058)."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.access.files import create_private, keep_aside, replace

log = structlog.stdlib.get_logger(__name__)

ADMIN_FILE = "admin.json"


@dataclass(frozen=True, slots=True)
class AdminClient:
    """The OAuth client an operator starts with.

    Attributes:
        client_id: its name.
        client_secret: 256 random bits; never logged.
    """

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"AdminClient(client_id={self.client_id!r})"


def load_admin(state: Path, wall: Callable[[], float] = time.time) -> AdminClient:
    """Read ``admin.json``, or make it (mode 0600) at the first start and where it is damaged.

    A damaged file must not keep the gateway from polling: it gets a second name, and whoever used it is told.

    Args:
        state: the state directory.
        wall: Unix seconds, for the second name of a damaged file.
    """
    path = state / ADMIN_FILE
    fresh = {"client_id": f"admin-{secrets.token_hex(4)}", "client_secret": secrets.token_urlsafe(32)}
    content = json.dumps(fresh, indent=2).encode() + b"\n"
    if not path.exists():
        # Making one is writing, and a full disk must not keep a gateway from starting that has all it needs.
        create_private(path, content)
    found = _read(path)
    if found is None:
        kept = keep_aside(path, wall())
        replace(path, content)
        log.warning(
            "new first administrator: the file did not hold client_id and client_secret",
            file=ADMIN_FILE,
            kept_as=kept.name,
            cure=f"take the new ones from {path}",
        )
        found = AdminClient(fresh["client_id"], fresh["client_secret"])
    return found


def _read(path: Path) -> AdminClient | None:
    try:
        content = json.loads(path.read_bytes())
        client_id, client_secret = content["client_id"], content["client_secret"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(client_id, str) or not isinstance(client_secret, str) or not client_secret:
        return None
    return AdminClient(client_id, client_secret)
