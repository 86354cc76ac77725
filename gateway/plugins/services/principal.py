"""As whom plugins appear to the rest of the gateway."""

from __future__ import annotations

from gateway.core.principal import Kind, Principal
from gateway.plugins.host.services import Caller


def writer(by: Caller) -> Principal:
    """The instance, where it writes: two of one plugin are two who can get in each other's way."""
    return _principal(by, f"plugin:{by.plugin}/{by.instance}")


def publisher(by: Caller) -> Principal:
    """The plugin, where it publishes: all its instances have one share of the log, with its tokens."""
    return _principal(by, f"plugin:{by.plugin}")


def _principal(by: Caller, subject: str) -> Principal:
    # What it may was decided by its permissions; no scope of a token opens anything to it.
    return Principal(subject=subject, scopes=frozenset(), kind=Kind.PLUGIN, token_id=f"instance:{by.instance}")
