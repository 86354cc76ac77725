"""Where a browser may be sent: what was registered, letter by letter, and any port on loopback."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.authorization.redirects import chosen, destination, with_parameters
from gateway.access.oauth.redirects import check_redirect, fits
from gateway.core.errors import GatewayError

LONGEST = 512


def may_be_registered(uri: str) -> bool:
    try:
        return check_redirect(uri) == uri
    except GatewayError:
        return False


@pytest.mark.parametrize(
    "uri",
    [
        "https://panel.example/callback",
        "https://panel.example:8443/callback?from=ferrule",
        "https://192.168.1.20/cb",
        "https://[fd00::1]/cb",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:8080/callback",
        "http://[::1]:5000/",
        "http://localhost:8080/callback",
        "com.example.app:/oauth2redirect",
        "com.example.app:/a/b?c=d",
    ],
)
def test_what_can_be_registered(uri: str) -> None:
    assert check_redirect(uri) == uri
    assert fits(uri, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "callback",
        "/callback",
        "//evil.example/cb",
        "https:",
        "https://",
        "https:///cb",
        "http://panel.example/callback",
        "http://192.168.1.20/cb",
        "https://panel.example/cb#part",
        "https://anna@panel.example/cb",
        "https://anna:pw@panel.example/cb",
        "https://panel.example:0/cb",
        "https://panel.example:99999/cb",
        "https://panel.example:x/cb",
        "https://panel example/cb",
        "https://panel.example/c\nb",
        "https://panel.example/c\tb",
        " https://panel.example/cb",
        "https://panel.example/\\evil",
        "https://panél.example/cb",
        'https://panel.example/"><script>',
        "https://panel.example;script-src/cb",
        "https://panel.example/a,b",
        "https://-panel.example/cb",
        "https://[::1/cb",
        "HTTPS://panel.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/cb",
        "https://panel.example/" + "x" * LONGEST,
    ],
)
def test_what_cannot_be_registered(uri: str) -> None:
    assert not may_be_registered(uri)


@pytest.mark.parametrize(
    ("registered", "given", "same"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1:8080/cb", "http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", True),
        ("http://[::1]/cb", "http://[::1]:51004/cb", True),
        ("http://127.0.0.1/cb?a=b", "http://127.0.0.1:1/cb?a=b", True),
        ("http://127.0.0.1", "http://127.0.0.1:5", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5/cb/", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5/CB", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5/cb?x=y", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5/cb#x", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:5/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.2:5/cb", False),
        ("http://127.0.0.1/cb", "http://[::1]:5/cb", False),
        ("http://127.0.0.1/cb", "http://localhost:5/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5\n/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5/c\tb", False),
        ("http://localhost:8080/cb", "http://localhost:8081/cb", True),
        ("https://panel.example/cb", "https://panel.example:443/cb", False),
        ("https://panel.example/cb", "https://panel.example/cb?x=y", False),
        ("https://panel.example/cb", "https://panel.example/cb/../evil", False),
        ("https://panel.example/cb", "https://panel.example.evil.example/cb", False),
        ("com.example.app:/cb", "com.example.app:/cb2", False),
    ],
)
def test_what_is_the_same(registered: str, given: str, same: bool) -> None:  # noqa: FBT001 - a column of the table
    assert fits(registered, given) is same


PATHS = st.from_regex(r"(/[A-Za-z0-9._~-]{0,5}){0,3}(\?[a-z]{1,3}=[a-z]{0,3})?", fullmatch=True)
PORTS = st.integers(1, 65535)
REGISTERED = st.one_of(
    st.builds("https://{}.example:{}{}".format, st.from_regex("[a-z]{1,8}", fullmatch=True), PORTS, PATHS),
    st.builds("http://127.0.0.1:{}{}".format, PORTS, PATHS),
    st.builds("com.example.app:{}".format, PATHS),
)


@given(REGISTERED, REGISTERED | st.text(max_size=60))
def test_only_the_port_of_loopback_may_differ(registered: str, given: str) -> None:
    if fits(registered, given) and registered != given:
        one, other = urlsplit(registered), urlsplit(given)
        assert (one.scheme, one.hostname) == (other.scheme, other.hostname) == ("http", "127.0.0.1")
        assert (one.path, one.query, one.fragment) == (other.path, other.query, other.fragment)
        assert may_be_registered(given)


@given(PATHS, PORTS, PORTS)
def test_any_port_of_loopback_fits(path: str, one: int, other: int) -> None:
    assert fits(f"http://127.0.0.1:{one}{path}", f"http://127.0.0.1:{other}{path}")


@given(REGISTERED, st.integers(0, 200), st.characters())
def test_no_other_letter_fits(registered: str, place: int, letter: str) -> None:
    place %= len(registered)
    changed = registered[:place] + letter + registered[place + 1 :]
    loopback = registered.startswith("http://127.0.0.1:")
    port_begins, port_ends = len("http://127.0.0.1:"), len(f"http://{urlsplit(registered).netloc}")
    in_port = loopback and port_begins <= place < port_ends
    if changed != registered and not in_port:
        assert not fits(registered, changed)


@given(st.text(max_size=80))
def test_what_can_be_registered_is_safe_in_headers_and_policies(uri: str) -> None:
    if may_be_registered(uri):
        assert uri.isascii()
        assert uri.isprintable()
        assert not set(uri) & set(' "<>\\^`{|};,#')
        assert not set(destination(uri).source) & set(" ;,'")


@pytest.mark.parametrize(
    ("registered", "given", "expected"),
    [
        (("https://a.example/cb",), None, "https://a.example/cb"),
        (("https://a.example/cb", "https://b.example/cb"), None, None),
        ((), None, None),
        ((), "https://a.example/cb", None),
        (("https://a.example/cb", "https://b.example/cb"), "https://b.example/cb", "https://b.example/cb"),
        (("http://127.0.0.1/cb",), "http://127.0.0.1:7/cb", "http://127.0.0.1:7/cb"),
        (("https://a.example/cb",), "https://evil.example/cb", None),
    ],
)
def test_which_one_is_meant(registered: tuple[str, ...], given: str | None, expected: str | None) -> None:
    assert chosen(registered, given) == expected


@given(REGISTERED, st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=10)), min_size=1, max_size=4))
def test_an_answer_can_be_read_by_the_program(uri: str, answer: list[tuple[str, str]]) -> None:
    answer = [
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode()) for name, value in answer
    ]
    place = with_parameters(uri, answer)
    assert place.startswith(uri)
    assert place.isascii()
    own = parse_qsl(urlsplit(uri).query, keep_blank_values=True)
    assert parse_qsl(urlsplit(place).query, keep_blank_values=True) == own + answer


@pytest.mark.parametrize(
    ("uri", "shown", "source"),
    [
        ("https://panel.example:8443/cb", "panel.example:8443", "https://panel.example:8443"),
        ("http://127.0.0.1:5/cb", "a program on this device (127.0.0.1:5)", "http://127.0.0.1:5"),
        ("http://[::1]:5/cb", "a program on this device ([::1]:5)", "http:"),
        ("com.example.app:/cb", "an app on this device (com.example.app)", "com.example.app:"),
    ],
)
def test_people_and_policies_are_told_where_it_leads(uri: str, shown: str, source: str) -> None:
    found = destination(uri)
    assert (found.shown, found.source) == (shown, source)
