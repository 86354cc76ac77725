"""Where agents and services may say they can be reached: https or wss, on a private address (D-064 to D-066)."""

from __future__ import annotations

import re

from gateway.agents.addresses import not_private
from gateway.agents.inspection import Inspection
from gateway.agents.issues import member
from gateway.core.network import AddressKind, classify
from gateway.core.ports import Json
from gateway.core.roster import Endpoint

PROTOCOLS = ("https", "wss")
_KNOWN = ("protocol", "host", "port", "path")
_LOCALHOST = "localhost"
# Printable ASCII without what ends a path in a URL.
_PATH = re.compile(r"/[!-~]*")
_URL = re.compile(
    r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[^\]/?#]*\]|[^:/?#\[\]]*)"
    r"(?::(?P<port>[0-9]*))?(?P<path>/[!-~]*)?"
)
_LONGEST_PATH = 1024
_LONGEST_URL = 2048
_LONGEST_HOST = 255
_PORT_DIGITS = 5


def inspect_endpoint(found: Inspection, value: Json, path: str, *, local_peer: bool) -> Endpoint | None:
    """Look at one endpoint of a card.

    Args:
        found: takes the issues.
        value: the endpoint as given.
        path: of the endpoint.
        local_peer: whoever gives it speaks from this machine, so that loopback leads to it (D-065).
    """
    given = found.object(value, path, _KNOWN, "an endpoint")
    if given is None:
        return None
    protocol = found.choice(given, path, "protocol", PROTOCOLS)
    host = found.text(given, path, "host", _LONGEST_HOST)
    if host is not None and not inspect_host(found, host, member(path, "host"), local_peer=local_peer):
        host = None
    port = found.whole(given, path, "port", 1, 65535)
    tail = found.text(given, path, "path", _LONGEST_PATH, form=_PATH, cure='must begin with "/" and be printable ASCII')
    if tail is not None and ("?" in tail or "#" in tail):
        found.error(member(path, "path"), "format", 'must be a path alone, without "?" and "#"', tail)
        return None
    if protocol is None or host is None or port is None or tail is None:
        return None
    return Endpoint(protocol, host, port, tail)


def inspect_host(found: Inspection, host: str, path: str, *, local_peer: bool) -> bool:
    """Whether a host may stand in an endpoint: the literal of a private address, no name."""
    local = host == _LOCALHOST
    if not local:
        try:
            address = classify(host)
        except ValueError:
            message = "must be an IP address in full, such as 192.168.1.100: names are not accepted"
            found.error(path, "not_an_address", message, host)
            return False
        if not address.accepted:
            refusal = not_private(address)
            found.error(path, "not_private", refusal.reason, host, refusal=refusal)
            return False
        local = address.kind is AddressKind.LOOPBACK
    if local and not local_peer:
        message = "leads back to whoever reads it: give the address others on the LAN reach you at"
        found.error(path, "loopback", message, host)
        return False
    return True


def inspect_url(found: Inspection, url: Json, path: str, *, local_peer: bool) -> str | None:
    """Look at the URL of a service; the port may be left out, a path may follow."""
    text = found.text_value(url, path, _LONGEST_URL)
    if text is None:
        return None
    match = _URL.fullmatch(text)
    if match is None or "?" in text or "#" in text:
        found.error(path, "format", 'must be a URL such as "https://192.168.1.102:8443"', text)
        return None
    if match["protocol"].lower() not in PROTOCOLS:
        found.error(path, "choice", f"must be a URL of {' or '.join(PROTOCOLS)}", text)
        return None
    port = match["port"]
    if port is not None and (not port or len(port) > _PORT_DIGITS or not 1 <= int(port) <= 65535):
        found.error(path, "range", "must have a port between 1 and 65535, or none", text)
        return None
    if not inspect_host(found, match["host"].removeprefix("[").removesuffix("]"), path, local_peer=local_peer):
        return None
    return text
