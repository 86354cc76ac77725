"""The URL a caller has called this gateway by: issuer of its tokens, and name of its resources (RFC 8414, RFC 9728)."""

from __future__ import annotations

import re

from gateway.access.jws import AGENT_API, PLUGIN_API
from gateway.api.asgi import Scope, header

# ``gate`` has seen to it that the name is one of ours; this keeps quotation marks and the like out of headers.
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


def own_url(scope: Scope) -> str | None:
    """The URL without a path, e.g. ``https://board.local:3500``; None where the request does not say it."""
    host = header(scope, b"host")
    if host is None or _HOST.fullmatch(host) is None:
        return None
    return f"https://{host.decode().lower()}"


def audience_of(resources: list[str], own: str | None) -> frozenset[str] | None:
    """The path families that ``resource`` parameters name (RFC 8707; ruling 13).

    Args:
        resources: absolute URIs, or the path alone.
        own: the URL the gateway was called by.

    Returns:
        None where one of them is none of ours.
    """
    found: set[str] = set()
    for resource in resources:
        path = resource[len(own) :] if own is not None and resource.lower().startswith(own) else resource
        path = path.rstrip("/")
        if path in {PLUGIN_API, AGENT_API}:
            found.add(path)
        elif not path and resource != path:
            found |= {PLUGIN_API, AGENT_API}
        else:
            return None
    return frozenset(found)
