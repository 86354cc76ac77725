"""Where this kit connects to: private addresses only (RFC 1918), over https."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigurationError

GATEWAY_PORT = 3500
_HTTPS_PORT = 443

# One by one: ipaddress.is_private is far wider, and changes between versions of Python.
_NETWORKS = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"))
_IPV6_LOOPBACK = IPv6Address("::1")


def is_private(address: str) -> bool:
    """Whether an address, in full, is RFC 1918 or loopback. A name is none."""
    try:
        if ":" in address:
            return "%" not in address and IPv6Address(address) == _IPV6_LOOPBACK
        parsed = IPv4Address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _NETWORKS)


def gateway_url(endpoint: str) -> str:
    """The origin of a gateway, such as `https://192.168.1.10:3500`; without a port, 3500.

    Raises:
        ConfigurationError: no https URL, one with a path, or an address that is not private.
    """
    parts = _split(endpoint)
    if parts.path not in {"", "/"}:
        raise ConfigurationError(f'endpoint "{endpoint}": leave the path out, as in https://192.168.1.10:3500')
    return f"https://{_authority(parts, GATEWAY_PORT)}"


def service_url(endpoint: str, path: str = "") -> str:
    """The URL of a service of another agent: its endpoint, and below that a path.

    Raises:
        ConfigurationError: no https URL, or an address that is not private.
    """
    parts = _split(endpoint)
    below = f"/{path.lstrip('/')}" if path else ""
    if not below.isascii() or not below.isprintable() or any(sign in below for sign in " ?#\\"):
        raise ConfigurationError(f'path "{path}": printable ASCII, without spaces, "?" and "#"')
    return f"https://{_authority(parts, _HTTPS_PORT)}{parts.path.rstrip('/')}{below}"


def _split(endpoint: str) -> SplitResult:
    try:
        parts = urlsplit(endpoint)
        # Reading the port is what finds a wrong one.
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(f'endpoint "{endpoint}": write it as https://192.168.1.10:3500')
    host = parts.hostname or ""
    if host != "localhost" and not is_private(host):
        raise ConfigurationError(
            f'endpoint "{endpoint}": {host} is no private address (RFC 1918). Names are not taken, except localhost: '
            "write the address"
        )
    return parts


def _authority(parts: SplitResult, port: int) -> str:
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or port}"
