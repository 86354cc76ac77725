"""What a command did without the gateway is left for its audit log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from gateway.access.acts import Act, leave
from gateway.access.keys import KeyFileError, read_root_key
from gateway.cli.minted import system_user
from gateway.core.ports import Json


def tell(state: Path, action: str, target: str | None = None, details: Mapping[str, Json] | None = None) -> None:
    """Leave what was done; where that cannot be, it is done all the same, and said."""
    try:
        leave(state, read_root_key(state), Act(action, time.time(), system_user(), target, details or {}))
    except KeyFileError as error:
        print(f"note: the audit log will not say who did this: {error}", file=sys.stderr)
    except OSError as error:
        print(
            f"note: the audit log will not say who did this: {error.filename or state}: {error.strerror}",
            file=sys.stderr,
        )
