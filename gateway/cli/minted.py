"""Tokens that are made here, with the key of the state directory, and in whose name."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Iterable
from pathlib import Path

from gateway.core.principal import OPERATOR_NAME

LONGEST_NAME = 64


def system_user() -> str | None:
    """Who types this: behind sudo the one who called it, else the user of this process; None where nobody knows."""
    name = os.environ.get("SUDO_USER", "")
    if not name:
        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return None
    fitting = re.sub(r"[^A-Za-z0-9._@-]", "_", name)[:LONGEST_NAME]
    return fitting if OPERATOR_NAME.fullmatch(fitting) else None


def mint(state: Path, scopes: Iterable[str], ttl: int, name: str | None) -> str:
    """An operator's token.

    Args:
        state: the state directory, with its key.
        scopes: what it allows.
        ttl: seconds it lives.
        name: whom the audit log tells of.

    Raises:
        KeyFileError: there is no key to be had.
        GatewayError: the ttl or the name cannot be.
    """
    from gateway.access.keys import read_root_key
    from gateway.access.tokens import OperatorTokens

    # The key file is at hand, so the clock of this board is the gateway's own.
    return OperatorTokens(read_root_key(state), time.time, lambda: True).issue(scopes, ttl, name)
