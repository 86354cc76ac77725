"""Where webhooks may go: nowhere, unless the configuration names it (ruling 5, D-068).

Whoever registers a webhook makes the gateway connect from inside the private network. So the configuration says where
to, never the API; every address a name has must be allowed; and the one that was looked at is the one connected to, so
that a name that changes its answer in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from gateway.core.network import AddressKind, classify, parse
from gateway.outbound.route import Route
from gateway.settings.model import WebhookAllow, WebhookSettings
from gateway.webhooks.destination import Destination

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_Network = IPv4Network | IPv6Network
_LOOPBACK_4, _LOOPBACK_6 = IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")
# They lead to an IPv4 address that is hidden in them (RFC 3056, 4380, 6052).
_TUNNELS = tuple(ip_network(network) for network in ("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48"))
# Never, whatever is allowed.
_NEVER = frozenset(
    {
        AddressKind.LINK_LOCAL,
        AddressKind.MULTICAST,
        AddressKind.UNSPECIFIED,
        AddressKind.RESERVED,
        AddressKind.DOCUMENTATION,
    }
)
# Only where an entry names their network: a name that leads there has not been meant to.
_BY_NETWORK = frozenset({AddressKind.CGNAT, AddressKind.ULA})
_CURE = 'Allow it in the configuration: [[webhook.allow]] host = "{host}", or network = "..."'


class EgressRefusedError(Exception):
    """The gateway does not send there; the text says why and what to do."""


class NotResolvedError(Exception):
    """The name has no address now."""


class Egress:
    """Decides where webhooks may go.

    Args:
        settings: those in force; asked each time, so a reload counts from the next request on.
        is_own: whether the gateway itself listens at an address (in its normal form) and port.
        devices: addresses and ports of the lines, where nothing is sent but what belongs on a bus.
        resolve: gives all addresses of a name; raises OSError.
    """

    def __init__(
        self,
        settings: Callable[[], WebhookSettings],
        is_own: Callable[[str, int], bool],
        devices: Callable[[], Collection[tuple[str, int]]],
        resolve: Resolve,
    ) -> None:
        self._settings = settings
        self._is_own = is_own
        self._devices = devices
        self._resolve = resolve

    async def find(self, destination: Destination, turn: int = 0) -> Route:
        """Look a destination up, and look at every address it has.

        Args:
            destination: where to.
            turn: which of several addresses to take; count it up when one does not answer.

        Raises:
            EgressRefusedError: one of its addresses is not allowed.
            NotResolvedError: it has none now.
        """
        self.look(destination)
        addresses: Sequence[str] = [destination.host]
        if not destination.is_address:
            try:
                addresses = await self._resolve(destination.host, destination.port)
            except OSError as error:
                raise NotResolvedError(f"{destination.host} has no address now: {error.strerror or error}") from None
            if not addresses:
                raise NotResolvedError(f"{destination.host} has no address now")
        routes = [self.judge(destination, address) for address in addresses]
        return routes[turn % len(routes)]

    def look(self, destination: Destination) -> None:
        """Refuse what no address could make right: a host nobody named, or plain http.

        Raises:
            EgressRefusedError: it is not allowed.
        """
        entries = self._settings().allow
        if not entries:
            raise EgressRefusedError(
                f"webhooks are sent nowhere: nothing is allowed. {_CURE.format(host=destination.host)}"
            )
        possible = [entry for entry in entries if _network_of(entry) is not None or _names(entry, destination)]
        if not possible:
            raise EgressRefusedError(f"{destination.host} is not allowed. {_CURE.format(host=destination.host)}")
        if not destination.is_address:
            _by_scheme(possible, destination)

    def judge(self, destination: Destination, address: str) -> Route:
        """Decide on one address.

        Raises:
            EgressRefusedError: it is not allowed.
        """
        where = destination.host if destination.is_address else f"{destination.host} ({address})"
        try:
            found = classify(address)
        except ValueError:
            raise EgressRefusedError(f"{where} is refused: an address with a zone is link-local") from None
        entries = [
            entry for entry in self._settings().allow if _names(entry, destination) or _holds(entry, found.address)
        ]
        networks = [network for entry in entries if (network := _network_of(entry)) is not None]
        if found.kind in _NEVER or _tunnels(found.address):
            raise EgressRefusedError(f"{where} is refused always: it is {found.words}")
        if found.kind is AddressKind.LOOPBACK and not any(_is_loopback(network) for network in networks):
            raise EgressRefusedError(
                f"{where} is this machine. Webhooks go there only where its network is named literally: "
                f'[[webhook.allow]] network = "{found.address}"'
            )
        if not entries or (found.kind in _BY_NETWORK and not networks):
            raise EgressRefusedError(f"{where} is not allowed: it is {found.words}. {_CURE.format(host=address)}")
        if self._is_own(found.address, destination.port):
            raise EgressRefusedError(f"{where} port {destination.port} is the gateway itself")
        lines = {_plain(host) for host, port in self._devices() if port == destination.port}
        if lines & {found.address, destination.host}:
            raise EgressRefusedError(f"{where} port {destination.port} is a line of this gateway")
        counting = _by_scheme(entries, destination)
        return Route(found.address, next((entry.ca for entry in counting if entry.ca), None))


def _plain(host: str) -> str:
    """An address in its one normal form; lines may have names instead."""
    try:
        return str(parse(host))
    except ValueError:
        return host.lower()


def _by_scheme(entries: Sequence[WebhookAllow], destination: Destination) -> Sequence[WebhookAllow]:
    """The entries that count for http or https."""
    if destination.scheme == "https":
        return entries
    insecure = [entry for entry in entries if entry.insecure]
    if not insecure:
        raise EgressRefusedError(
            f"{destination.host} may be sent to by https only. Use https, or write insecure = true in its "
            "[[webhook.allow]]"
        )
    return insecure


def _names(entry: WebhookAllow, destination: Destination) -> bool:
    if entry.host is None or destination.is_address:
        return False
    pattern = entry.host.lower()
    if pattern.startswith("*."):
        _, _, rest = destination.host.partition(".")
        return rest == pattern[2:]
    return destination.host == pattern


def _holds(entry: WebhookAllow, address: str) -> bool:
    network, parsed = _network_of(entry), parse(address)
    return network is not None and parsed.version == network.version and parsed in network


def _is_loopback(network: _Network) -> bool:
    """Whether a network lies within loopback: 0.0.0.0/0 holds it, but does not name it."""
    if isinstance(network, IPv4Network):
        return network.subnet_of(_LOOPBACK_4)
    return network.subnet_of(_LOOPBACK_6)


def _tunnels(address: str) -> bool:
    parsed = parse(address)
    return any(parsed.version == tunnel.version and parsed in tunnel for tunnel in _TUNNELS)


def _network_of(entry: WebhookAllow) -> _Network | None:
    return _network(entry.network or entry.host or "")


@lru_cache(maxsize=256)
def _network(text: str) -> _Network | None:
    """The network an entry names; an address in the place of a host name is one of its own."""
    try:
        return ip_network(text)
    except ValueError:
        return None
