"""What the system's own services read, made of ``network.toml``."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.appliance.network import Addresses, Network, Wifi

AUTHORIZED_KEYS = "ferrule-card/ssh/authorized_keys"
WIFI = "ferrule-card/wifi.conf"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file below ``/run``.

    Attributes:
        content: of it.
        mode: who may read it.
    """

    content: str
    mode: int = 0o644


def render(network: Network) -> dict[str, Rendered]:
    """Files by their path below ``/run``; what is not said there is left to what the image has."""
    files = {}
    if network.ethernet != Addresses():
        # Before the image's own, which asks DHCP.
        files["systemd/network/10-ethernet.network"] = Rendered(_interface("Type=ether", network.ethernet))
    if network.wifi is not None:
        files["systemd/network/10-wifi.network"] = Rendered(_interface("Name=wlan0", network.wifi.addresses))
        files[WIFI] = Rendered(_supplicant(network.wifi), 0o600)
    if network.time_servers:
        text = f"[Time]\nNTP={' '.join(network.time_servers)}\n"
        files["systemd/timesyncd.conf.d/card.conf"] = Rendered(text)
    if network.ssh_keys:
        files[AUTHORIZED_KEYS] = Rendered("".join(f"{key}\n" for key in network.ssh_keys), 0o600)
    return files


def announced(port: int) -> dict[str, Rendered]:
    """What makes the gateway be found on the local network (DNS-SD, RFC 6763), in the same shape.

    Args:
        port: it listens on.
    """
    text = f"[Service]\nName=%H\nType=_https._tcp\nPort={port}\n"
    return {"systemd/dnssd/ferrule.dnssd": Rendered(text)}


def _interface(match: str, addresses: Addresses) -> str:
    lines = ["[Match]", match, "", "[Network]", "MulticastDNS=yes", "LinkLocalAddressing=ipv6"]
    if addresses.address is None:
        lines.append("DHCP=yes")
    else:
        lines.append(f"Address={addresses.address}")
    if addresses.gateway is not None:
        lines.append(f"Gateway={addresses.gateway}")
    lines += [f"DNS={server}" for server in addresses.dns]
    if addresses.address is None:
        lines += ["", "[DHCPv4]", "UseDomains=no", f"UseDNS={'no' if addresses.dns else 'yes'}"]
    return "\n".join([*lines, ""])


def _supplicant(wifi: Wifi) -> str:
    # The name in hexadecimal, whatever it is made of; a password ends with the last quote of its line.
    secret = ["\tkey_mgmt=NONE"]
    if wifi.password is not None:
        word = wifi.password if len(wifi.password) == 64 else f'"{wifi.password}"'
        secret = ["\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE", "\tieee80211w=1", f"\tpsk={word}"]
        if len(wifi.password) != 64:
            secret.append(f"\tsae_password={word}")
    return "\n".join(
        [
            f"country={wifi.country}",
            "network={",
            f"\tssid={wifi.ssid.encode().hex()}",
            *secret,
            "\tscan_ssid=1",
            "}",
            "",
        ]
    )
