"""The gateway as a service of systemd: what it tells the manager, what it logs, and what it never logs."""

from __future__ import annotations

import json
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import until
from tests.e2e.simulated import POLL, TAGS, drive
from tests.e2e.site import Site, device, tcp_line


class ServiceManager:
    """Stands for systemd: takes its notifications."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.messages: list[dict[str, str]] = []

    def heard(self, key: str, *, times: int = 1) -> list[dict[str, str]]:
        """Wait until messages with this key came so often."""

        def look() -> list[dict[str, str]] | None:
            while True:
                try:
                    text = self._socket.recv(4096).decode()
                except BlockingIOError:
                    break
                pairs = [line.partition("=") for line in text.splitlines()]
                self.messages.append({name: value for name, _, value in pairs})
            found = [message for message in self.messages if key in message]
            return found if len(found) >= times else None

        return until(look, f"{key} is heard {times} x")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    made = ServiceManager(tmp_path / "notify")
    yield made
    made.close()


def test_the_service_manager_is_told(site: Site, manager: ServiceManager, tmp_path: Path) -> None:
    site.configure()
    gateway = site.launch({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
    [ready] = manager.heard("READY")
    gateway.ready()
    assert ready["READY"] == "1"
    assert gateway.url in ready["STATUS"]
    manager.heard("WATCHDOG", times=3)
    assert gateway.stop() == 0
    [stopping] = manager.heard("STOPPING")
    assert stopping["STOPPING"] == "1"
    assert manager.messages.index(ready) < manager.messages.index(stopping)


def test_ready_is_said_only_when_it_serves(site: Site, manager: ServiceManager, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.configure(server=f'bind = "127.0.0.1"\nport = {taken.getsockname()[1]}')
        gateway = site.launch({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert gateway.wait() == 1
    assert not any("READY" in message for message in manager.messages)


def test_a_service_manager_that_is_gone_stops_nothing(site: Site, tmp_path: Path) -> None:
    site.configure()
    gateway = site.start({"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "300000"})
    assert gateway.call("server.health")["status"] == "healthy"


def test_the_journal_gets_json_and_no_secrets(site: Site, start: Start) -> None:
    plant = drive(start, site.directory)
    site.configure(tcp_line("plant", plant.port, device("drive", 1, TAGS, POLL)))
    # As systemd says it: device and inode of the standard error it has connected to the journal.
    journal = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"'
    gateway = site.launch(before=["sh", "-c", journal, "sh"]).ready()
    gateway.awaits("plant/drive/ticks", quality="good")
    plant.die()
    gateway.logged("line down")
    # Callers that fail in every way there is, with a token and without.
    token = gateway.token()
    gateway.answer("tag.read", {"tags": [token]})
    gateway.answer("tag.write", {"tag": "plant/drive/setpoint", "value": token})
    gateway.answer(token)
    for headers in (
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": f"Basic {token}"},
        {"X-Request-ID": token},
    ):
        gateway.client.post(f"/api/v1/rpc?token={token}", json={}, headers=headers)
    gateway.client.get(f"/api/v1/{token}")
    gateway.hang_up()
    assert gateway.stop() == 0

    entries = [json.loads(line) for line in gateway.stderr.splitlines()]
    assert {"serving", "line down", "stopping"} <= {entry["event"] for entry in entries}
    assert all({"event", "level", "timestamp"} <= entry.keys() for entry in entries)
    admin = json.loads((site.state / "admin.json").read_text())
    key = (site.state / "root.key").read_bytes()
    for secret in (token, token.split(".")[2], admin["client_secret"], key.hex(), repr(key)[2:-1]):
        assert secret not in gateway.stderr
        assert secret not in gateway.stdout


def test_a_change_that_waits_for_the_next_start_is_told_and_no_longer_when_it_is_taken_back(site: Site) -> None:
    site.configure()
    gateway = site.start()
    waits = "these sections take effect at the next start"
    site.configure(server='bind = "127.0.0.1"\nport = 1')
    gateway.send(signal.SIGHUP)
    assert "server" in gateway.logged(waits)
    site.configure()
    gateway.send(signal.SIGHUP)
    gateway.logged("configuration reloaded", times=2)
    assert gateway.stderr.count(waits) == 1


def test_older_tls_is_refused(site: Site) -> None:
    site.configure()
    gateway = site.start()
    host, port = gateway.url.removeprefix("https://").split(":")
    old = ssl.create_default_context(cafile=site.state / "ca.pem")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(plain, server_hostname=host)
    new = ssl.create_default_context(cafile=site.state / "ca.pem")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        new.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        assert encrypted.version() == "TLSv1.3"
    # Nobody but who has the authority's certificate trusts it.
    strangers = ssl.create_default_context()
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        strangers.wrap_socket(plain, server_hostname=host)


def test_a_token_carries_its_scopes_and_no_more(site: Site) -> None:
    site.configure()
    gateway = site.start()
    reader = {"Authorization": f"Bearer {gateway.token(['devices:read'])}"}

    def call(method: str, params: dict[str, object], headers: dict[str, str]) -> tuple[int, dict[str, object]]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = gateway.client.post("/api/v1/rpc", json=body, headers=headers)
        return answer.status_code, answer.json()

    assert call("tag.list", {}, reader)[1]["result"] == {"tags": [], "total": 0}
    status, answer = call("tag.write", {"tag": "a/b/c", "value": 1}, reader)
    assert (status, answer["error"]["code"]) == (200, -32002)  # type: ignore[index] # an error object
    status, answer = call("tag.list", {}, {"Authorization": "Bearer nonsense"})
    assert (status, answer["error"]["code"]) == (401, -32001)  # type: ignore[index] # an error object
