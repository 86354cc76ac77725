"""``network.toml`` on the card: addresses, Wi-Fi, time and SSH, where DHCP on the cable is not enough."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, ip_address

from gateway.core.network import is_bindable
from gateway.settings.document import Document, Node
from gateway.settings.fields import Fields, Findings, Schema, read_fields
from gateway.settings.kinds import Kind, ListOf, Text
from gateway.settings.problems import Problem, SettingsError

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_KEY = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/]+=*( .*)?"
)
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Addresses:
    """How an interface gets its address.

    Attributes:
        address: with the length of its network; None: by DHCP.
        gateway: the way out of the network; None: there is none, or DHCP tells.
        dns: who knows names; none: DHCP tells.
    """

    address: IPv4Interface | None = None
    gateway: IPv4Address | None = None
    dns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wifi:
    """A wireless network.

    Attributes:
        ssid: its name.
        country: whose rules of radio hold, ISO 3166.
        password: None: the network is open.
        addresses: as on the cable.
    """

    ssid: str
    country: str
    password: str | None
    addresses: Addresses


@dataclass(frozen=True, slots=True)
class Network:
    """What ``network.toml`` says.

    Attributes:
        ethernet: the cable.
        wifi: None: the radio stays off.
        time_servers: none: those DHCP tells, and Debian's own.
        ssh_keys: who may log in as root; none: nobody, and no port is open for it.
        warnings: what was odd.
    """

    ethernet: Addresses = Addresses()
    wifi: Wifi | None = None
    time_servers: tuple[str, ...] = ()
    ssh_keys: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


_ADDRESSES: dict[str, Kind] = {"address": Text(), "gateway": Text(), "dns": ListOf(Text(), longest=3)}
_ROOT = Schema("the file", {}, tables={"ethernet": "one", "wifi": "one", "time": "one", "ssh": "one"})
_ETHERNET = Schema("[ethernet]", _ADDRESSES)
_WIFI = Schema(
    "[wifi]",
    {"ssid": Text(longest=32), "country": Text(), "password": Text(longest=64), **_ADDRESSES},
    required=frozenset({"ssid", "country"}),
)
_TIME = Schema("[time]", {"servers": ListOf(Text(), longest=4)})
_SSH = Schema("[ssh]", {"keys": ListOf(Text(longest=2000), longest=20)})


def read_network(document: Document) -> Network:
    """Make settings of the file.

    Raises:
        SettingsError: with every problem found, each with its place and its cure.
    """
    findings = Findings()
    fields = read_fields(Node.root(document), _ROOT, findings)
    network = Network(
        ethernet=_addresses(_of(fields, "ethernet", _ETHERNET, findings)),
        wifi=_wifi(_of(fields, "wifi", _WIFI, findings)),
        time_servers=_servers(_of(fields, "time", _TIME, findings)),
        ssh_keys=_keys(_of(fields, "ssh", _SSH, findings)),
        warnings=findings.warnings(document.path),
    )
    if errors := findings.errors(document.path):
        raise SettingsError(errors, findings.warnings(document.path))
    return network


def _of(fields: Fields, key: str, schema: Schema, findings: Findings) -> Fields | None:
    node = fields.table(key)
    return None if node is None else read_fields(node, schema, findings)


def _addresses(fields: Fields | None) -> Addresses:
    if fields is None:
        return Addresses()
    address = _interface(fields)
    gateway = _gateway(fields, address)
    dns = []
    for index, text in enumerate(fields["dns"] or ()):
        try:
            dns.append(str(ip_address(text)))
        except ValueError:
            fields.findings.error(
                fields.node.place_of_value("dns", index), f'dns: "{text}" is no address. Write it as "192.168.1.1"'
            )
    return Addresses(address, gateway, tuple(dns))


def _interface(fields: Fields) -> IPv4Interface | None:
    if (text := fields["address"]) is None:
        return None
    try:
        found = IPv4Interface(text)
    except ValueError:
        fields.refuse("address", f'"{text}" is no IPv4 address. Write it with its network, as "192.168.1.50/24"')
        return None
    if "/" not in text:
        fields.refuse(
            "address",
            f'"{text}" does not say how large its network is. Write "{text}/24" where the mask is 255.255.255.0',
        )
        return None
    network = found.network
    if network.prefixlen < 31 and found.ip in {network.network_address, network.broadcast_address}:
        fields.refuse("address", f'"{text}" stands for all of the network {network}. Choose an address within it')
        return None
    if not is_bindable(str(found.ip)):
        fields.warn("address", f"{found.ip} is not private (RFC 1918): the gateway does not listen on it")
    return found


def _gateway(fields: Fields, address: IPv4Interface | None) -> IPv4Address | None:
    if (text := fields["gateway"]) is None:
        return None
    try:
        found = IPv4Address(text)
    except ValueError:
        fields.refuse("gateway", f'"{text}" is no IPv4 address. Write it as "192.168.1.1"')
        return None
    if not fields.given("address"):
        fields.refuse("gateway", "stands without address, and DHCP tells the gateway. Add address, or remove gateway")
    elif address is not None and found not in address.network:
        fields.refuse("gateway", f"{found} is not in the network of address, {address.network}. Correct one of them")
    elif address is not None and found == address.ip:
        fields.refuse("gateway", f"{found} is the address of this board. Write that of the router")
    return found


def _wifi(fields: Fields | None) -> Wifi | None:
    if fields is None:
        return None
    addresses = _addresses(fields)
    if fields.given("country") and fields.sound("country") and not _COUNTRY.fullmatch(fields["country"]):
        fields.refuse("country", f'"{fields["country"]}" is no country code. Write two capital letters, such as "DE"')
    if fields.given("ssid") and fields.sound("ssid") and not 1 <= len(fields["ssid"].encode()) <= 32:
        fields.refuse("ssid", "must be 1 to 32 bytes long")
    password = fields["password"]
    # WPA2 and WPA3: 8 to 63 characters of ASCII, or the key itself in 64 hexadecimal digits (IEEE 802.11, J.4).
    if password is not None and not (
        (8 <= len(password) <= 63 and password.isascii()) or re.fullmatch(r"[0-9A-Fa-f]{64}", password)
    ):
        fields.refuse("password", "must be 8 to 63 characters without accents or umlauts, or 64 hexadecimal digits")
    if not fields.sound("ssid", "country", "password"):
        return None
    return Wifi(fields["ssid"], fields["country"], password, addresses)


def _servers(fields: Fields | None) -> tuple[str, ...]:
    if fields is None:
        return ()
    for index, text in enumerate(fields["servers"] or ()):
        if not _HOST.fullmatch(text):
            place = fields.node.place_of_value("servers", index)
            fields.findings.error(
                place, f'servers: "{text}" is no host name or address. Write it alone, as "192.168.1.1"'
            )
    return tuple(fields["servers"] or ())


def _keys(fields: Fields | None) -> tuple[str, ...]:
    if fields is None:
        return ()
    for index, text in enumerate(fields["keys"] or ()):
        if not _KEY.fullmatch(text):
            place = fields.node.place_of_value("keys", index)
            fields.findings.error(
                place,
                "keys: this is no public key. Copy the one line of a file like id_ed25519.pub: "
                '"ssh-ed25519 AAAA... name"',
            )
    return tuple(fields["keys"] or ())
