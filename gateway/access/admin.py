"""The first administrator: made at the first start, never with a password that another gateway has (D-058)."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from gateway.access.files import create_private

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


class AdminFileError(Exception):
    """``admin.json`` cannot be used; the text says why and what to do."""


def load_admin(state: Path) -> AdminClient:
    """Read ``admin.json``, or make it (mode 0600) at the first start.

    Raises:
        AdminFileError: the file does not hold what it should.
    """
    path = state / ADMIN_FILE
    if not path.exists():
        fresh = {"client_id": f"admin-{secrets.token_hex(4)}", "client_secret": secrets.token_urlsafe(32)}
        create_private(path, json.dumps(fresh, indent=2).encode() + b"\n")
    try:
        content = json.loads(path.read_bytes())
        client_id, client_secret = content["client_id"], content["client_secret"]
    except (ValueError, KeyError, TypeError):
        client_id = client_secret = None
    if not isinstance(client_id, str) or not isinstance(client_secret, str) or not client_secret:
        raise AdminFileError(
            f"{path} does not hold client_id and client_secret. Delete it and start again: new ones are made"
        )
    return AdminClient(client_id, client_secret)
