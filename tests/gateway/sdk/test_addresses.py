"""Where the kit connects to."""

from __future__ import annotations

import pytest

from gateway.sdk.ferrule_client import ConfigurationError
from gateway.sdk.ferrule_client.addresses import gateway_url, service_url


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://192.168.1.10:3500", "https://192.168.1.10:3500"),
        ("https://10.0.0.1", "https://10.0.0.1:3500"),
        ("https://172.31.255.255:443/", "https://172.31.255.255:443"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("https://localhost:3500", "https://localhost:3500"),
        ("https://[::1]:3500", "https://[::1]:3500"),
    ],
)
def test_private_addresses_are_taken(endpoint: str, url: str) -> None:
    assert gateway_url(endpoint) == url


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://192.168.1.10:3500",
        "192.168.1.10:3500",
        "https://8.8.8.8:3500",
        "https://172.32.0.1",
        "https://169.254.1.1",
        "https://0.0.0.0",
        "https://[2001:db8::1]",
        "https://[fe80::1%25eth0]",
        "https://gateway.local",
        "https://0x7f.1",
        "https://192.168.1.10:0",
        "https://192.168.1.10:99999",
        "https://192.168.1.10/api/v1",
        "https://192.168.1.10?x=1",
        "https://user@192.168.1.10",
        "https://192.168.1.10@8.8.8.8",
        "https://",
        "",
        "https://[",
    ],
)
def test_others_are_not(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint"):
        gateway_url(endpoint)


def test_services_have_paths() -> None:
    assert service_url("https://192.168.1.2:8443", "temperature") == "https://192.168.1.2:8443/temperature"
    assert service_url("https://192.168.1.2:8443/api/v1/", "/t") == "https://192.168.1.2:8443/api/v1/t"
    assert service_url("https://192.168.1.2") == "https://192.168.1.2:443"
    for endpoint in ("wss://192.168.1.2:8443", "https://1.1.1.1", "http://192.168.1.2"):
        with pytest.raises(ConfigurationError, match="endpoint"):
            service_url(endpoint)
    for path in ("a b", "a?b", "a#b", "ä"):
        with pytest.raises(ConfigurationError, match="path"):
            service_url("https://192.168.1.2", path)
