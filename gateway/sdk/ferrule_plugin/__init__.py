"""Plugin kit for a Ferrule edge gateway: ``plugin = Plugin()``, say what it does, ``plugin.run()``."""

from .errors import (
    BusyError,
    GoneError,
    InvalidError,
    NoAnswerError,
    NotPermittedError,
    PluginError,
    QuotaError,
    UnavailableError,
)
from .plugin import Plugin
from .storage import Storage
from .values import Event, Message, Reading, SerialMessage, WriteResult

__version__ = "0.1.0"

__all__ = [
    "BusyError",
    "Event",
    "GoneError",
    "InvalidError",
    "Message",
    "NoAnswerError",
    "NotPermittedError",
    "Plugin",
    "PluginError",
    "QuotaError",
    "Reading",
    "SerialMessage",
    "Storage",
    "UnavailableError",
    "WriteResult",
]
