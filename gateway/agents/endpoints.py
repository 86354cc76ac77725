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
# Printable ASCII without "#" and "?", which end a path in a URL.
_PATH_FORM = r"/[!\"$->@-~]*"
_PATH = re.compile(_PATH_FORM)
_PATH_CURE = 'must begin with "/" and be printable ASCII, without "?" and "#"'
_URL = re.compile(
    r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:\[(?P<host6>[0-9A-Fa-f:.]*)\]|(?P<host>[^:/?#\[\]]*))"
    rf"(?::(?P<port>[0-9]*))?(?P<path>{_PATH_FORM})?"
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
    if host is not None:
        host = inspect_host(found, host, member(path, "host"), local_peer=local_peer)
    port = found.whole(given, path, "port", 1, 65535)
    tail = found.text(given, path, "path", _LONGEST_PATH, form=_PATH, cure=_PATH_CURE)
    if protocol is None or host is None or port is None or tail is None:
        return None
    return Endpoint(protocol, host, port, tail)


def inspect_host(found: Inspection, host: str, path: str, *, local_peer: bool) -> str | None:
    """Look at the host of an endpoint: the literal of a private address, no name. Returns it in its one normal form."""
    local = host == _LOCALHOST
    if not local:
        try:
            address = classify(host)
        except ValueError:
            message = "must be an IP address in full, such as 192.168.1.100: names are not accepted"
            found.error(path, "not_an_address", message, host)
            return None
        if not address.accepted:
            refusal = not_private(address)
            found.error(path, "not_private", refusal.reason, host, refusal=refusal)
            return None
        local = address.kind is AddressKind.LOOPBACK
        host = address.address
    if local and not local_peer:
        message = "leads back to whoever reads it: give the address others on the LAN reach you at"
        found.error(path, "loopback", message, host)
        return None
    return host


def inspect_url(found: Inspection, url: Json, path: str, *, local_peer: bool) -> str | None:
    """Look at the URL of a service; the port may be left out, a path may follow. Returns it as given."""
    text = found.text_value(url, path, _LONGEST_URL)
    if text is None:
        return None
    match = _URL.fullmatch(text)
    if match is None:
        found.error(path, "format", 'must be a URL such as "https://192.168.1.102:8443"', text)
        return None
    if match["protocol"].lower() not in PROTOCOLS:
        found.error(path, "choice", f"must be a URL of {' or '.join(PROTOCOLS)}", text)
        return None
    if match["host6"] is not None and ":" not in match["host6"]:
        found.error(path, "format", "must have brackets around IPv6 addresses only", text)
        return None
    port = match["port"]
    if port is not None and (not port or len(port) > _PORT_DIGITS or not 1 <= int(port) <= 65535):
        found.error(path, "range", "must have a port between 1 and 65535, or none", text)
        return None
    if inspect_host(found, match["host6"] or match["host"], path, local_peer=local_peer) is None:
        return None
    return text
