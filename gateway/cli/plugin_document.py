"""JSON that a command is given as a file."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.cli.client import Json
from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError


def object_of(path: Path) -> Json:
    """The object in a file.

    Raises:
        CommandError: there is none; the text has the place.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise CommandError(unusable(path, error), WRONG) from None
    except json.JSONDecodeError as error:
        raise CommandError(f"{path}:{error.lineno}:{error.colno}: is no JSON: {error.msg.lower()}", WRONG) from None
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path}: is no JSON: {error}", WRONG) from None
    if not isinstance(document, dict):
        raise CommandError(f"{path}: a configuration is an object: {{...}}", WRONG)
    return document


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is none")
