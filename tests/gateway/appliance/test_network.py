"""``network.toml``: what is taken, what is refused with place and cure, and what the system's services get of it."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.appliance.network import Network, read_network
from gateway.appliance.rendering import AUTHORIZED_KEYS, WIFI, render
from gateway.settings.document import Document
from gateway.settings.problems import SettingsError
from image.build import HERE

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1pCyl0kFmO8mO7y8JkE0lN5d3m0c5pE0t2n8k1VYxX technician"


def read(text: str) -> Network:
    return read_network(Document("network.toml", text))


def refused(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(text)
    return str(caught.value)


def test_the_file_on_a_fresh_card_says_nothing() -> None:
    text = (HERE / "selector/network.toml").read_text()
    assert read(text) == Network()
    assert render(read(text)) == {}


def test_all_of_its_examples_are_right_once_their_comment_signs_are_gone() -> None:
    lines = (HERE / "selector/network.toml").read_text().splitlines()
    examples = [line.removeprefix("# ") for line in lines if line.startswith("# ") and ("[" in line or " = " in line)]
    network = read("\n".join(examples).replace("AAAA... name", KEY.partition(" ")[2]))
    assert str(network.ethernet.address) == "192.168.1.50/24"
    assert network.wifi is not None
    assert network.ssh_keys == (KEY,)
    assert network.time_servers == ("192.168.1.1",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[ethernet]\naddress = "192.168.1.50"', '2:11: error: address: "192.168.1.50" does not say how large'),
        ('[ethernet]\naddress = "192.168.1.300/24"', '"192.168.1.300/24" is no IPv4 address'),
        ('[ethernet]\naddress = "192.168.1.0/24"', "stands for all of the network"),
        ('[ethernet]\naddress = "192.168.1.255/24"', "stands for all of the network"),
        ('[ethernet]\ngateway = "192.168.1.1"', "stands without address"),
        ('[ethernet]\naddress = "192.168.1.5/24"\ngateway = "192.168.2.1"', "is not in the network of address"),
        ('[ethernet]\naddress = "192.168.1.5/24"\ngateway = "192.168.1.5"', "is the address of this board"),
        ('[ethernet]\ndns = ["192.168.1.1", "router"]', '2:23: error: dns: "router" is no address'),
        ('[wifi]\nssid = "x"', '[wifi] has no "country"'),
        ('[wifi]\nssid = ""\ncountry = "DE"', "ssid: must be 1 to 32 bytes"),
        ('[wifi]\nssid = "ü' + "ü" * 16 + '"\ncountry = "DE"', "ssid: must be 1 to 32 bytes"),
        ('[wifi]\nssid = "x"\ncountry = "de"', "two capital letters"),
        ('[wifi]\nssid = "x"\ncountry = "DE"\npassword = "short"', "must be 8 to 63 characters"),
        ('[wifi]\nssid = "x"\ncountry = "DE"\npassword = "paßwörter"', "without accents or umlauts"),
        ('[time]\nservers = ["ntp://x"]', "is no host name or address"),
        ('[ssh]\nkeys = ["-----BEGIN OPENSSH PRIVATE KEY-----"]', "this is no public key"),
        ('[ssh]\nkey = "x"', 'unknown key "key" in [ssh]. Did you mean "keys"?'),
        ("[ethernett]\n", 'Did you mean "ethernet"?'),
    ],
)
def test_a_mistake_is_told_with_its_place_and_cure(text: str, why: str) -> None:
    assert why in refused(text)


def test_an_address_that_the_gateway_does_not_serve_is_warned_of() -> None:
    network = read('[ethernet]\naddress = "8.8.4.4/24"')
    assert "is not private" in str(network.warnings[0])


def sections(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def test_a_fixed_address() -> None:
    text = '[ethernet]\naddress = "10.1.2.3/16"\ngateway = "10.1.0.1"\ndns = ["10.1.0.2"]'
    [(name, file)] = render(read(text)).items()
    assert name == "systemd/network/10-ethernet.network"
    found = sections(file.content)
    assert found["Match"] == {"Type": "ether"}
    assert found["Network"]["Address"] == "10.1.2.3/16"
    assert (found["Network"]["Gateway"], found["Network"]["DNS"]) == ("10.1.0.1", "10.1.0.2")
    assert "DHCP" not in found["Network"]


def test_secrets_are_for_root_alone() -> None:
    files = render(read(f'[wifi]\nssid = "plant"\ncountry = "DE"\npassword = "12345678"\n[ssh]\nkeys = ["{KEY}"]'))
    assert {name: file.mode for name, file in files.items() if file.mode != 0o644} == {
        WIFI: 0o600,
        AUTHORIZED_KEYS: 0o600,
    }
    assert files[AUTHORIZED_KEYS].content == f"{KEY}\n"


@given(
    ssid=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8),
    password=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63),
)
def test_names_and_passwords_of_any_letters_stay_within_their_line(ssid: str, password: str) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = f'[wifi]\nssid = {quoted(ssid)}\ncountry = "DE"\npassword = {quoted(password)}'
    lines = render(read(text))[WIFI].content.splitlines()
    fields = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    assert bytes.fromhex(fields["ssid"]).decode() == ssid
    # What the supplicant reads: from the first quote of the line to its last.
    assert fields["psk"] == f'"{password}"'
    assert len(lines) == 9
