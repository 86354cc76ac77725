"""Certificates an operator supplies, callers' certificates, and alerts to those who are turned away."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.server.certificates import make_authority, make_leaf
from gateway.api.server.issued import Issued
from gateway.api.server.supplied import CertificateError, Supplied
from gateway.api.server.tls import ServerTls
from gateway.settings.model import ServerSettings
from tests.gateway.api.fakes import Board
from tests.gateway.api.rig import Rig, read_response

pytestmark = pytest.mark.e2e


class Office:
    """An operator's own authority."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = Board().wall
        self.root = make_authority("operator", self.now)
        self.ca = self.write("ca.pem", self.root.certificate)

    def write(self, name: str, content: bytes) -> str:
        path = self.directory / name
        # As certbot and others do it: the new file takes the place of the old one.
        scratch = path.with_suffix(".new")
        scratch.write_bytes(content)
        scratch.replace(path)
        return str(path)

    def issue(self, *names: str) -> Issued:
        return make_leaf(self.root.certificate, self.root.key, list(names), self.now)

    def supply(self, *names: str) -> ServerSettings:
        leaf = self.issue(*names)
        return ServerSettings(
            certificate=self.write("board.pem", leaf.certificate), key=self.write("board.key", leaf.key)
        )

    def person(self, name: str) -> tuple[str, str]:
        """A caller's certificate and key, made without the extensions of a server's."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate(self.root.certificate)
        issuer_key = serialization.load_pem_private_key(self.root.key, None)
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        subject = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Site"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
        )
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(issuer.not_valid_before_utc).not_valid_after(issuer.not_valid_after_utc)
        certificate = builder.sign(issuer_key, hashes.SHA256())
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return (
            self.write(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self.write(f"{name}.key", key.private_bytes(*form)),
        )

    def trusting(self, person: tuple[str, str] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if person is not None:
            context.load_cert_chain(*person)
        return context


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@asynccontextmanager
async def connected(rig: Rig, context: ssl.SSLContext, name: str) -> AsyncIterator[trio.SSLStream[trio.SocketStream]]:
    plain = await trio.open_tcp_stream("127.0.0.1", rig.port)
    stream = trio.SSLStream(plain, context, server_hostname=name, https_compatible=True)
    try:
        await stream.do_handshake()
        yield stream
    finally:
        await trio.aclose_forcefully(stream)


async def test_a_supplied_certificate_is_shown_and_its_names_are_answered_to(rig: Rig, office: Office) -> None:
    settings = office.supply("gateway.example.com", "*.site.example")
    async with rig.served(server=settings):
        async with connected(rig, office.trusting(), "gateway.example.com") as stream:
            for host in (b"gateway.example.com", b"hall.site.example", b"localhost"):
                await stream.send_all(b"GET /api/v1/health HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
                assert b" 200 OK" in await read_response(stream)
        # None of our own is made.
        assert not (rig.state / "ca.pem").exists()
        assert len(rig.tls.fingerprint) == 95


async def test_a_new_certificate_is_taken_over_while_connections_go_on(rig: Rig, office: Office) -> None:
    settings = office.supply("old.example")
    async with rig.served(server=settings), connected(rig, office.trusting(), "old.example") as stream:
        office.supply("new.example")
        await rig.tls.reread()
        async with connected(rig, office.trusting(), "new.example"):
            pass
        await stream.send_all(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 OK" in await read_response(stream)


async def test_a_changed_file_is_noticed(
    tmp_path: Path, office: Office, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    tls = ServerTls(tmp_path, Board().timeline, "board", Supplied.of(office.supply("old.example")))
    await tls.cover([])
    assert "old.example" in tls.names
    nursery.start_soon(tls.upkeep)
    with structlog.testing.capture_logs() as logs:
        await trio.sleep(60)
        assert not logs
        before = tls.context
        office.supply("new.example")
        while tls.context is before:  # noqa: ASYNC110 - nothing announces it
            await trio.sleep(1)
    assert {"new.example", "board"} < tls.names
    assert "old.example" not in tls.names
    nursery.cancel_scope.cancel()


async def test_files_that_will_not_do_are_refused_and_the_old_ones_go_on(rig: Rig, office: Office) -> None:
    async with rig.served(server=office.supply("old.example")):
        office.write("board.pem", office.issue("new.example").certificate)
        with structlog.testing.capture_logs() as logs:
            await rig.tls.reread()
        [said] = [entry for entry in logs if entry["log_level"] == "warning"]
        assert "the key belongs to another certificate" in said["reason"]
        async with connected(rig, office.trusting(), "old.example"):
            pass


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("missing", r"certificate .*board\.pem: No such file or directory\. Name a file this user can read"),
        ("no PEM", "certificate or key is no PEM, or damaged"),
        ("password", "the key has a password. Remove it"),
        ("client_ca", r"client_ca .*nobody\.pem: holds no certificate"),
    ],
)
async def test_the_first_start_says_which_file_will_not_do(
    tmp_path: Path, office: Office, damage: str, reason: str
) -> None:
    supplied = Supplied.of(office.supply("board"))
    if damage == "missing":
        os.unlink(supplied.certificate)  # noqa: PTH108 - the path is text
    elif damage == "no PEM":
        office.write("board.pem", b"nonsense")
    elif damage == "password":
        key = serialization.load_pem_private_key(office.issue("board").key, None)
        locked = serialization.BestAvailableEncryption(b"secret")
        office.write(
            "board.key",
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked),
        )
    else:
        supplied = Supplied(client_ca=office.write("nobody.pem", b""))
    with pytest.raises(CertificateError, match=reason):
        await ServerTls(tmp_path, Board().timeline, "board", supplied).cover([])


async def tell_peer(scope: Scope, receive: Receive, send: Send) -> None:
    tls = scope["extensions"]["tls"]
    body = repr((tls["client_cert_name"], len(tls["client_cert_chain"]), tls["tls_version"])).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_a_caller_with_a_certificate_is_known_to_the_application(rig: Rig, office: Office) -> None:
    async with rig.served(app=tell_peer, server=ServerSettings(client_ca=office.ca)):
        context = rig.trusting()
        context.load_cert_chain(*office.person("anna"))
        async with connected(rig, context, "board") as stream:
            await stream.send_all(ASK)
            assert b"('CN=anna,O=Site', 1, 772)" in await read_response(stream)


async def test_without_client_ca_nobody_is_asked(rig: Rig, office: Office) -> None:
    async with rig.served(app=tell_peer), connected(rig, rig.trusting(), "board") as stream:
        await stream.send_all(ASK)
        assert b"(None, 0, 772)" in await read_response(stream)


@pytest.mark.parametrize("whose", ["nobody", "a stranger"])
async def test_a_caller_without_a_good_certificate_is_told_so(
    rig: Rig, office: Office, tmp_path: Path, whose: str
) -> None:
    async with rig.served(app=tell_peer, server=ServerSettings(client_ca=office.ca)):
        context = rig.trusting()
        if whose == "a stranger":
            (tmp_path / "elsewhere").mkdir()
            context.load_cert_chain(*Office(tmp_path / "elsewhere").person("eve"))
        # In TLS 1.3 the caller's handshake is over before the server has looked at its certificate.
        with pytest.raises(trio.BrokenResourceError) as refusal:
            async with connected(rig, context, "board") as stream:
                # It must not lose the alert to what it has sent meanwhile.
                await stream.send_all(ASK * 10)
                await trio.sleep(0.05)
                await stream.receive_some()
        expected = "CERTIFICATE_REQUIRED" if whose == "nobody" else "UNKNOWN_CA"
        assert expected in str(refusal.value.__cause__).upper().replace(" ", "_")


async def test_callers_authority_is_read_again(rig: Rig, office: Office, tmp_path: Path) -> None:
    async with rig.served(app=tell_peer, server=ServerSettings(client_ca=office.ca)):
        (tmp_path / "new").mkdir()
        successor = Office(tmp_path / "new")
        office.write("ca.pem", successor.root.certificate)
        await rig.tls.reread()
        context = rig.trusting()
        context.load_cert_chain(*successor.person("ben"))
        async with connected(rig, context, "board") as stream:
            await stream.send_all(ASK)
            assert b"CN=ben" in await read_response(stream)


async def test_a_caller_that_speaks_tls_1_2_gets_an_alert(rig: Rig) -> None:
    async with rig.served():
        context = rig.trusting()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(trio.BrokenResourceError) as refusal:
            async with connected(rig, context, "board"):
                pass
        assert "PROTOCOL_VERSION" in str(refusal.value.__cause__).upper().replace(" ", "_")


@pytest.mark.interop
async def test_openssl_sees_the_alert_too(rig: Rig) -> None:
    async with rig.served():
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{rig.port}", "-tls1_2"]
        seen = await trio.run_process(
            command, check=False, capture_stdout=True, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        assert b"alert protocol version" in seen.stdout
