"""Attacks on the running gateway while it polls, its end under attack, and the test profile."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import ferrule, until
from tests.e2e.simulated import POLL, TAGS, drive
from tests.e2e.site import Gateway, Site, device, tcp_line
from tests.gateway.api.test_supplied import Office

# Seconds within which the whole gateway ends, whoever is connected.
END_S = 5.0
PROFILE = {"FERRULE_TEST_PROFILE": "1"}
UPGRADE = (
    b"GET /_test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
REQUEST = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Crowd:
    """Callers that mean no good."""

    def __init__(self, gateway: Gateway) -> None:
        self._port = int(gateway.url.rpartition(":")[2])
        self._context = ssl.create_default_context(cafile=gateway.state / "ca.pem")
        self._stack = contextlib.ExitStack()

    def plain(self) -> socket.socket:
        return self._stack.enter_context(socket.create_connection(("127.0.0.1", self._port), timeout=10))

    def tls(self, said: bytes = b"") -> ssl.SSLSocket:
        wrapped = self._context.wrap_socket(self.plain(), server_hostname="localhost")
        stream: ssl.SSLSocket = self._stack.enter_context(wrapped)
        with contextlib.suppress(OSError):
            stream.sendall(said)
        return stream

    def never_reads(self) -> None:
        """Asks again and again until the gateway's answers fill every buffer on the way."""
        stream = self.tls(UPGRADE)
        assert b" 101 " in stream.recv(1000)
        stream.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                stream.sendall((b"\x82\xfe\x75\x30" + bytes(4 + 30_000)) * 20)

    def leave(self) -> None:
        self._stack.close()


@pytest.fixture
def crowd(site: Site) -> Iterator[Crowd]:
    site.configure()
    made = Crowd(site.start(PROFILE))
    yield made
    made.leave()


def resident(gateway: Gateway) -> int:
    """Megabytes of memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{gateway.process.pid}/status").read_text())
    assert found
    return int(found[1]) // 1024


def test_it_ends_in_time_whoever_is_connected(crowd: Crowd, site: Site) -> None:
    [gateway] = site.gateways
    gateway.hang_up()
    for _ in range(3):
        crowd.plain()
        crowd.tls()
        crowd.tls(b"GET /api/v1/health HTTP/1.1\r\nX-Slow: ")
        crowd.tls(b"POST /api/v1/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        crowd.tls(UPGRADE)
        crowd.never_reads()
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(END_S) == 0


def test_attacks_cost_neither_readings_nor_memory(site: Site, start: Start) -> None:
    plant = drive(start, site.directory)
    site.configure(tcp_line("plant", plant.port, device("drive", 1, TAGS, POLL)))
    gateway = site.start(PROFILE)
    gateway.awaits("plant/drive/ticks", quality="good")
    dice = random.Random(1)
    said = [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(500),
        UPGRADE + b"\x81\x85\x00\x00\x00\x00hello" * 50,
        b"POST /api/v1/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n" + bytes(100_000),
        REQUEST * 100,
        dice.randbytes(20_000),
    ]
    levels = []
    for _ in range(3):
        crowd = Crowd(gateway)
        for number in range(100):
            crowd.tls(said[number % len(said)])
        before = gateway.read("plant/drive/ticks")["plant/drive/ticks"]["sequence"]
        crowd.leave()
        gateway.hang_up()
        assert gateway.read("plant/drive/ticks")["plant/drive/ticks"]["quality"] == "good"
        gateway.awaits("plant/drive/ticks", quality="good")
        assert gateway.read("plant/drive/ticks", max_age=0)["plant/drive/ticks"]["sequence"] > before
        levels.append(resident(gateway))
    assert levels[-1] - levels[0] < 10, levels
    assert gateway.stop() == 0
    assert "connection ended by a fault" not in gateway.stderr
    assert "Traceback" not in gateway.stderr


def test_the_test_profile_is_there_when_asked_for(crowd: Crowd, site: Site) -> None:
    [gateway] = site.gateways
    assert gateway.call("server.info")
    assert gateway.lines() == {}
    stream = crowd.tls(UPGRADE)
    assert b" 101 " in stream.recv(1000)
    stream.sendall(b"\x81\x82\x00\x00\x00\x00ok")
    assert stream.recv(1000) == b"\x81\x02ok"


def test_the_test_profile_does_not_exist_otherwise(site: Site) -> None:
    site.configure()
    gateway = site.start({"FERRULE_TEST_PROFILE": ""})
    crowd = Crowd(gateway)
    assert b" 403 " in crowd.tls(UPGRADE).recv(1000)
    crowd.leave()
    assert gateway.client.get("/_test/echo").status_code == 404


@pytest.mark.parametrize("bind", ["private", "lo"])
def test_the_test_profile_is_refused_where_others_could_reach_it(site: Site, bind: str) -> None:
    site.configure(server=f'bind = "{bind}"\nport = 0')
    gateway = site.launch(PROFILE)
    assert gateway.wait() == 1
    [said] = [line for line in gateway.stderr.splitlines() if line.startswith("ferrule: ")]
    assert "FERRULE_TEST_PROFILE is for loopback only" in said
    assert 'set bind = "127.0.0.1"' in said


def test_a_certificate_of_ones_own_is_read_again_on_reload(site: Site) -> None:
    office = Office(site.directory)
    office.supply("localhost", "old.example")
    server = 'bind = "127.0.0.1"\nport = 0\ncertificate = "board.pem"\nkey = "board.key"'
    site.configure(server=server)
    gateway = site.start()
    port = int(gateway.url.rpartition(":")[2])

    def is_named(name: str) -> bool:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
                office.trusting().wrap_socket(plain, server_hostname=name),
            ):
                return True
        except ssl.SSLCertVerificationError:
            return False

    assert is_named("old.example")
    office.supply("localhost", "new.example")
    gateway.send(signal.SIGHUP)
    until(lambda: is_named("new.example"), "the new certificate is shown")
    assert not is_named("old.example")
    office.write("board.key", b"nonsense")
    gateway.send(signal.SIGHUP)
    assert "board.pem" in gateway.logged("certificate files refused")
    assert is_named("new.example")


def test_commands_on_the_board_know_a_certificate_of_ones_own(site: Site) -> None:
    office = Office(site.directory)
    office.supply("board.example")
    site.configure(server='bind = "127.0.0.1"\nport = 0\ncertificate = "board.pem"\nkey = "board.key"')
    gateway = site.start()

    def status() -> tuple[int, str]:
        done = ferrule("status", "--state", site.state)
        return done.returncode, done.stderr

    assert status() == (0, "")
    office.supply("other.example")
    gateway.send(signal.SIGHUP)
    until(lambda: status() == (0, ""), "the new certificate is shown, and known")
    office.write("board.pem", Office(site.directory).issue("other.example").certificate)
    code, words = status()
    assert (code, "does not vouch for" in words) == (6, True), words


def test_a_certificate_that_cannot_be_used_keeps_it_from_starting_with_a_word(site: Site) -> None:
    site.configure(server='bind = "127.0.0.1"\nport = 0\ncertificate = "board.pem"\nkey = "board.key"')
    gateway = site.launch()
    assert gateway.wait() == 1
    [said] = [line for line in gateway.stderr.splitlines() if line.startswith("ferrule: ")]
    assert f"[server] certificate {site.directory / 'board.pem'}: No such file" in said
