"""Where a webhook is sent to: its URL, taken apart by rules that leave nothing to interpretation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

from gateway.core.errors import invalid
from gateway.core.network import parse

LONGEST_URL = 2048
_PORTS = {"https": 443, "http": 80}
# Of what RFC 3986 allows in a URL, and nothing that some readers strip or turn into a slash.
_FORM = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", re.ASCII)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
# What some resolvers take for an address: 127.1, 0x7f000001, 2130706433.
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_LONGEST_NAME = 253
_EXAMPLE = "Write it as https://receiver.example.com/path"


@dataclass(frozen=True, slots=True)
class Destination:
    """The receiver of a webhook.

    Attributes:
        scheme: ``https`` or ``http``.
        host: its name in small letters, or its address as text.
        port: TCP port.
        target: path and query, for the request line.
        is_address: whether the host is an address.
    """

    scheme: str
    host: str
    port: int
    target: str
    is_address: bool

    @property
    def authority(self) -> str:
        """As ``Host`` says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str, place: str = "url") -> Destination:
    """Take a URL apart.

    Raises:
        GatewayError: INVALID, with what is wrong; the URL is not repeated, there may be a password in it.
    """
    if len(url) > LONGEST_URL:
        raise invalid(place, f"a URL has at most {LONGEST_URL} characters", len(url))
    if not _FORM.fullmatch(url):
        raise invalid(place, f"this is no URL: encode what is not a letter, a digit or punctuation. {_EXAMPLE}")
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in _PORTS or not rest:
        raise invalid(place, f"a webhook is sent by https. {_EXAMPLE}")
    if "#" in url:
        raise invalid(place, "leave out what follows the #: no server ever sees it")
    authority, slash, path = rest.partition("/")
    authority, question, query = authority.partition("?")
    if "@" in authority:
        raise invalid(place, "leave out the user and password: the signature proves who sends")
    host, port = _host_and_port(authority, place)
    name, is_address = _host(host, place)
    target = f"/{question}{query}{slash}{path}" if question else f"/{path}"
    return Destination(scheme, name, port or _PORTS[scheme], target, is_address)


def _host_and_port(authority: str, place: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?", authority)
    if found is None:
        raise invalid(place, f"this URL names no host. {_EXAMPLE}")
    port = None if found[2] is None else int(found[2])
    if port is not None and not 1 <= port <= 0xFFFF:
        raise invalid(place, "a port is a number from 1 to 65535", port)
    return found[1], port


def _host(host: str, place: str) -> tuple[str, bool]:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1])) if "%" not in host else _no_address(place), True
        except ValueError:
            _no_address(place)
    labels = host.lower().split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            return str(parse(host)), True
        except ValueError:
            _no_address(place)
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise invalid(place, f"this URL names no host: letters, digits and hyphens with dots between. {_EXAMPLE}")
    return ".".join(labels), False


def _no_address(place: str) -> str:
    raise invalid(place, "this URL has an address in a form that is not clear: write it in full, such as 192.168.1.10")
