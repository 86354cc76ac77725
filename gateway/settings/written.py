"""Values as they are written in the configuration file: the way back from what `kinds` reads."""

from __future__ import annotations

import json
import re
from itertools import pairwise

from gateway.settings.kinds import Duration, Kind, Size
from gateway.settings.quantities import say_duration, say_size

MASK = "(secret)"
# A name that says its value is nobody's business. A `key` alone is the name of a file, which is no secret.
_SECRET = frozenset(
    {"secret", "secrets", "password", "passphrase", "passwd", "token", "psk", "credential", "credentials"}
)
_SECRET_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key")})
_HUMP = re.compile(r"([a-z0-9])([A-Z])")
_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def is_secret(name: str) -> bool:
    """Whether the value of a key must not be shown."""
    words = _HUMP.sub(r"\1_\2", name).lower().replace("-", "_").split("_")
    return not _SECRET.isdisjoint(words) or any(pair in _SECRET_PAIRS for pair in pairwise(words))


def masked(name: str, text: str) -> str:
    """A value as it may be shown: secrets, and the login in an address, are covered."""
    return MASK if is_secret(name) else _LOGIN.sub(MASK, text)


def written(kind: Kind, value: object) -> str:
    """A value of the model as TOML.

    Args:
        kind: of its key.
        value: as the model has it; None only where the kind has a word for it.
    """
    if isinstance(kind, Duration):
        word = next((word for word, seconds in kind.named.items() if seconds == value), None)
        return toml(word if word is not None or not isinstance(value, float) else say_duration(value))
    if isinstance(kind, Size) and isinstance(value, int):
        return toml(say_size(value))
    return toml(value)


def toml(value: object) -> str:
    """A plain value as TOML.

    Raises:
        TypeError: TOML has no form for it here.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return toml(value.decode("latin-1"))
    if isinstance(value, str):
        # A basic string of TOML takes all escapes of JSON, and DEL may not stand in it as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml(item) for item in value)}]"
    raise TypeError(f"{value!r} has no form in TOML")
