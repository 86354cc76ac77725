"""URLs of webhooks: what is clear is taken apart, what some reader could take for something else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Code, GatewayError
from gateway.webhooks.destination import parse_url


@pytest.mark.parametrize(
    ("url", "host", "port", "target", "authority"),
    [
        ("https://myapp.com/webhooks/agent-events", "myapp.com", 443, "/webhooks/agent-events", "myapp.com"),
        ("https://Scada.Plant.local:8443", "scada.plant.local", 8443, "/", "scada.plant.local:8443"),
        ("HTTPS://a.b/?x=1&y=%20", "a.b", 443, "/?x=1&y=%20", "a.b"),
        ("https://a.b?next=/x/@y", "a.b", 443, "/?next=/x/@y", "a.b"),
        ("https://a.b//evil.com/x", "a.b", 443, "//evil.com/x", "a.b"),
        ("https://192.168.1.10/x", "192.168.1.10", 443, "/x", "192.168.1.10"),
        ("https://[2001:DB8:0::1]:9/x", "2001:db8::1", 9, "/x", "[2001:db8::1]:9"),
        ("http://10.0.0.1:80/", "10.0.0.1", 80, "/", "10.0.0.1"),
        ("https://10.0.0.1:80/", "10.0.0.1", 80, "/", "10.0.0.1:80"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, target: str, authority: str) -> None:
    found = parse_url(url)
    assert (found.host, found.port, found.target, found.authority) == (host, port, target, authority)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///path",
        "ftp://a.b/",
        "file:///etc/passwd",
        "//a.b/",
        "https:a.b",
        "https://user:password@a.b/",
        "https://user@a.b/",
        "https://good.com@evil.com/",
        "https://a.b/#fragment",
        "https://a.b#@good.com/",
        "https://a.b/ x",
        "https://a.b\\@good.com/",
        "https://a\t.b/",
        "https://a.b/\r\nX: 1",
        "https://a.b:0/",
        "https://a.b:65536/",
        "https://a.b:x/",
        "https://a.b:/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://1.2.3.256/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[v1.x]/",
        "https://münchen.de/",
        "https://*.b/",
        "https://-a.b/",
        "https://a..b/",
        "https://a.b./",
        "https://" + "a" * 64 + ".b/",
        "https://a.b/" + "x" * 2048,
    ],
)
def test_what_is_not_clear_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parse_url(url)
    assert (refused.value.code, refused.value.field) == (Code.INVALID, "url")
    assert "password" not in str(refused.value.provided)


@given(st.text(max_size=40) | st.from_regex(r"https?://[ -~]{0,40}", fullmatch=True))
def test_any_text_is_taken_apart_or_refused(url: str) -> None:
    try:
        found = parse_url(url)
    except GatewayError:
        return
    assert found.target.startswith("/")
    assert found.host.isascii()
    assert not set(found.host + found.target) & set(" \t\r\n@\\#") - {"@"}
