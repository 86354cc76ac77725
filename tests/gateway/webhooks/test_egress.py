"""Where webhooks may go (ruling 5, D-068)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.settings.model import WebhookAllow, WebhookSettings
from gateway.webhooks.destination import parse_url
from gateway.webhooks.egress import Egress, EgressRefusedError, NotResolvedError


class Names:
    """A name server whose answers can change."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = {name.replace("_", "."): list(addresses) for name, addresses in names.items()}
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        if host not in self.names:
            raise OSError(-2, "Name or service not known")
        return self.names[host]


def egress(*allow: WebhookAllow, names: Names | None = None) -> Egress:
    settings = WebhookSettings(allow=allow)
    return Egress(
        lambda: settings,
        lambda address, port: (address, port) in {("192.168.1.5", 3500), ("127.0.0.1", 3500)},
        lambda: [("192.168.1.40", 502), ("PLC.example.com", 502)],
        names or Names(),
    )


def host(name: str, *, ca: str | None = None, insecure: bool = False) -> WebhookAllow:
    return WebhookAllow(host=name, ca=ca, insecure=insecure)


def network(text: str, *, ca: str | None = None, insecure: bool = False) -> WebhookAllow:
    return WebhookAllow(network=text, ca=ca, insecure=insecure)


ANYWHERE = (network("0.0.0.0/0", insecure=True), network("::/0", insecure=True), host("*.example.com", insecure=True))


async def test_nothing_is_allowed_by_default() -> None:
    with pytest.raises(EgressRefusedError, match="nothing is allowed"):
        await egress().find(parse_url("https://myapp.com/"))


async def test_an_address_nobody_named_is_not_a_matter_of_https() -> None:
    with pytest.raises(EgressRefusedError, match=r"10.1.1.1 is not allowed: .* \[\[webhook.allow]] host"):
        await egress(network("192.168.1.0/24")).find(parse_url("http://10.1.1.1/"))
    with pytest.raises(EgressRefusedError, match="by https only"):
        await egress(network("10.0.0.0/8")).find(parse_url("http://10.1.1.1/"))


@pytest.mark.parametrize(
    ("allowed", "url", "addresses"),
    [
        (host("myapp.com"), "https://myapp.com/", ["93.184.216.34"]),
        (host("MyApp.com"), "https://myapp.COM/", ["93.184.216.34"]),
        (host("*.example.com"), "https://a.example.com/", ["2606:4700::1111"]),
        (host("scada.local"), "https://scada.local/", ["192.168.1.9", "10.0.0.1"]),
        (network("192.168.10.0/24"), "https://192.168.10.7/", []),
        (network("192.168.10.0/24"), "https://scada.local/", ["192.168.10.7", "192.168.10.8"]),
        (network("192.168.10.0/24"), "https://[::ffff:192.168.10.7]/", []),
        (host("192.168.10.7"), "https://192.168.10.7/", []),
        (network("127.0.0.0/8"), "https://127.0.0.1:8443/", []),
        (network("127.0.0.1/32"), "https://scada.local/", ["127.0.0.1"]),
        (network("::1/128"), "https://[::1]/", []),
        (network("100.64.0.0/10"), "https://100.64.1.1/", []),
        (network("fd00::/8"), "https://scada.local/", ["fd00::5"]),
        (host("scada.local", insecure=True), "http://scada.local/", ["192.168.1.9"]),
    ],
)
async def test_what_is_allowed_is_reached_at_the_address_that_was_looked_at(
    allowed: WebhookAllow, url: str, addresses: list[str]
) -> None:
    destination = parse_url(url)
    way = await egress(allowed, names=Names(**{destination.host: addresses})).find(destination)
    assert way.address in [*addresses, destination.host, "192.168.10.7"]


@pytest.mark.parametrize(
    ("allow", "url", "addresses"),
    [
        # Not named.
        ([host("myapp.com")], "https://other.com/", ["93.184.216.34"]),
        ([host("*.example.com")], "https://example.com/", ["93.184.216.34"]),
        ([host("*.example.com")], "https://a.b.example.com/", ["93.184.216.34"]),
        ([host("*.example.com")], "https://aexample.com/", ["93.184.216.34"]),
        ([network("192.168.10.0/24")], "https://192.168.11.1/", []),
        # Each address has to be allowed, not one of them.
        ([network("192.168.10.0/24")], "https://a.local/", ["192.168.10.7", "192.168.11.7"]),
        ([host("a.local")], "https://a.local/", ["192.168.10.7", "127.0.0.1"]),
        ([host("a.local")], "https://a.local/", ["192.168.10.7", "169.254.169.254"]),
        # Loopback, unless its network is named literally.
        ([host("a.local")], "https://a.local/", ["127.0.0.1"]),
        ([host("localhost")], "https://localhost/", ["127.0.0.1"]),
        ([network("0.0.0.0/0")], "https://127.0.0.1/", []),
        ([network("::/0")], "https://[::1]/", []),
        ([network("0.0.0.0/0"), host("a.local")], "https://a.local/", ["::ffff:127.0.0.1"]),
        # Never.
        (ANYWHERE, "https://169.254.169.254/latest/meta-data", []),
        ([network("169.254.0.0/16")], "https://169.254.1.1/", []),
        (ANYWHERE, "https://[fe80::1]/", []),
        (ANYWHERE, "https://a.example.com/", ["fe80::1%eth0"]),
        (ANYWHERE, "https://224.0.0.1/", []),
        (ANYWHERE, "https://[ff02::1]/", []),
        (ANYWHERE, "https://0.0.0.0/", []),
        (ANYWHERE, "https://[::]/", []),
        (ANYWHERE, "https://255.255.255.255/", []),
        # IPv4 that hides in IPv6.
        (ANYWHERE, "https://[2002:7f00:1::]/", []),
        (ANYWHERE, "https://[64:ff9b::7f00:1]/", []),
        (ANYWHERE, "https://[::127.0.0.1]/", []),
        # Networks that are private in another way have to be meant.
        ([host("a.local")], "https://a.local/", ["100.64.1.1"]),
        ([host("a.local")], "https://a.local/", ["fd00:ec2::254"]),
        # The gateway itself, and its devices.
        (ANYWHERE, "https://192.168.1.5:3500/api", []),
        (ANYWHERE, "https://[::ffff:192.168.1.5]:3500/", []),
        (ANYWHERE, "https://a.example.com:3500/", ["192.168.1.5"]),
        ([network("127.0.0.1/32")], "https://127.0.0.1:3500/", []),
        (ANYWHERE, "http://192.168.1.40:502/", []),
        (ANYWHERE, "http://[::ffff:192.168.1.40]:502/", []),
        (ANYWHERE, "http://plc.example.com:502/", ["192.168.1.41"]),
        # Plain http.
        ([host("a.local")], "http://a.local/", ["192.168.10.7"]),
        ([network("192.168.10.0/24")], "http://192.168.10.7/", []),
        ([network("192.168.10.0/24"), host("b.local", insecure=True)], "http://192.168.10.7/", []),
        ([host("a.local"), network("10.0.0.0/8", insecure=True)], "http://a.local/", ["192.168.10.7"]),
    ],
)
async def test_what_is_not_allowed_is_refused(allow: list[WebhookAllow], url: str, addresses: list[str]) -> None:
    destination = parse_url(url)
    with pytest.raises(EgressRefusedError) as refused:
        await egress(*allow, names=Names(**{destination.host: addresses})).find(destination)
    assert destination.host in str(refused.value)


async def test_a_name_is_looked_up_anew_and_its_new_address_is_looked_at() -> None:
    names = Names(a_local=["192.168.10.7"])
    there = egress(host("a.local"), names=names)
    assert (await there.find(parse_url("https://a.local/"))).address == "192.168.10.7"
    names.names["a.local"] = ["127.0.0.1"]
    with pytest.raises(EgressRefusedError, match="this machine"):
        await there.find(parse_url("https://a.local/"))


async def test_a_name_nobody_allowed_is_not_even_looked_up() -> None:
    names = Names(a_local=["192.168.10.7"])
    with pytest.raises(EgressRefusedError):
        await egress(host("b.local"), names=names).find(parse_url("https://a.local/"))
    assert names.asked == 0


async def test_each_address_of_a_name_gets_its_turn() -> None:
    there = egress(host("a.local"), names=Names(a_local=["10.0.0.1", "10.0.0.2"]))
    turns = [(await there.find(parse_url("https://a.local/"), turn)).address for turn in range(3)]
    assert turns == ["10.0.0.1", "10.0.0.2", "10.0.0.1"]


@pytest.mark.parametrize("names", [Names(), Names(a_local=[])])
async def test_a_name_without_an_address_may_have_one_later(names: Names) -> None:
    with pytest.raises(NotResolvedError, match="no address now"):
        await egress(host("a.local"), names=names).find(parse_url("https://a.local/"))


async def test_the_authority_is_that_of_an_entry_that_counts() -> None:
    allow = [host("b.local", ca="/b.pem"), host("a.local"), network("10.0.0.0/8", ca="/plant.pem")]
    names = Names(a_local=["10.0.0.1"], c_local=["10.0.0.2"])
    there = egress(*allow, names=names)
    assert (await there.find(parse_url("https://a.local/"))).ca == "/plant.pem"
    assert (await there.find(parse_url("https://c.local/"))).ca == "/plant.pem"
    names.names["a.local"] = ["192.168.1.1"]
    assert (await there.find(parse_url("https://a.local/"))).ca is None


async def test_a_reload_counts_at_once() -> None:
    settings = WebhookSettings(allow=(host("a.local"),))
    there = Egress(lambda: settings, lambda _, __: False, list, Names(a_local=["10.0.0.1"]))
    await there.find(parse_url("https://a.local/"))
    settings = WebhookSettings()
    with pytest.raises(EgressRefusedError):
        await there.find(parse_url("https://a.local/"))
