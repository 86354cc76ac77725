"""What keeps the gateway from starting is said in one line, with the cure, and nothing is opened."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.e2e.programs import ferrule
from tests.e2e.site import Gateway, Site, device, tcp_line


def refused(gateway: Gateway, code: int) -> str:
    """What it says, once it has ended with this code."""
    assert gateway.wait() == code
    assert "Traceback" not in gateway.stderr
    assert not gateway.stdout
    return gateway.stderr


@pytest.mark.parametrize(
    ("bind", "why"),
    [
        ("0.0.0.0", "unspecified"),  # noqa: S104 - the point is that it is refused
        ("::", "unspecified"),
        ("8.8.8.8", "public"),
        ("100.64.0.1", "provider"),
        ("169.254.1.1", "link-local"),
        ("::ffff:8.8.8.8", "public"),
    ],
)
def test_it_binds_to_no_address_beyond_the_private_ones(site: Site, bind: str, why: str) -> None:
    site.configure(server=f'bind = "{bind}"\nport = 0')
    words = refused(site.launch(), 2)
    assert f"{site.config}:5:" in words
    assert why in words


def test_a_port_that_is_taken_is_named(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        site.configure(server=f'bind = "127.0.0.1"\nport = {port}')
        words = refused(site.launch(), 1)
    [last] = [line for line in words.splitlines() if line.startswith("ferrule: ")]
    assert f"127.0.0.1:{port} is in use" in last
    assert "port" in last


def test_who_has_no_port_to_serve_on_touches_no_line(site: Site) -> None:
    """A second gateway, started by mistake, must not be a second master for a moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as device:
        line = (
            f'[[line]]\nname = "plant"\ntransport = "tcp"\nhost = "127.0.0.1"\ntcp_port = {device.getsockname()[1]}\n'
            '[[line.device]]\nname = "meter"\nunit = 1\n'
            'tag = [{ name = "t", table = "holding", address = 0, type = "uint16" }]\n'
        )
        site.configure(line, server=f'bind = "127.0.0.1"\nport = {taken.getsockname()[1]}')
        refused(site.launch(), 1)
        device.setblocking(False)
        with pytest.raises(BlockingIOError):
            device.accept()


def test_every_mistake_of_a_configuration_is_told_at_once_with_its_place(site: Site) -> None:
    tags = ['name = "a", table = "holding", adress = 0', 'name = "b", table = "holding", address = 99999']
    site.configure(tcp_line("l", 502, device("d", 1, tags)) + tcp_line("l", 502, ""))
    words = refused(site.launch(), 2)
    text = site.config.read_text().splitlines()
    for mistake in ("adress", "99999"):
        number = next(number for number, line in enumerate(text, 1) if mistake in line)
        assert f"{site.config}:{number}:" in words
    assert words.count(": error: ") >= 3
    assert "address" in words
    check = ferrule("check", site.config)
    assert (check.returncode, check.stdout) == (2, words)


@pytest.mark.parametrize("kind", ["missing", "directory", "unreadable", "binary"])
def test_a_configuration_that_cannot_be_read_is_named(site: Site, kind: str, tmp_path: Path) -> None:
    if kind == "directory":
        site.config.mkdir()
    elif kind == "unreadable":
        site.config.symlink_to(site.config)
    elif kind == "binary":
        site.config.write_bytes(b'[gateway]\nname = "\xff"\n')
    words = refused(site.launch(), 2)
    assert str(site.config) in words
    assert len(words.splitlines()) == 1
    assert ferrule("check", site.config).returncode == 2


def test_an_address_that_is_not_here_yet_is_waited_for(site: Site) -> None:
    """A board boots before its network: the gateway polls meanwhile and serves when the address appears."""
    site.configure(server='bind = "10.255.255.254"\nport = 0')
    gateway = site.launch()
    assert gateway.line("ready ") == "ready no address yet"
    assert "cannot listen yet" in gateway.stderr
    assert gateway.stop() == 0


@pytest.mark.parametrize("name", ["ca.pem", "server.json", "admin.json", "root.key"])
def test_a_directory_where_a_file_belongs_is_named(site: Site, name: str) -> None:
    site.configure()
    (site.state / name).mkdir(parents=True)
    words = refused(site.launch(), 1)
    assert str(site.state) in words
    assert "move the directory away" in words
