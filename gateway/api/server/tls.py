"""TLS 1.3 with a certificate that always fits: made at the first start, renewed while connections go on."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import structlog
import trio

from gateway.access.files import keep_aside, replace
from gateway.api.server.issued import Made, Order
from gateway.api.server.issuing import make_here
from gateway.api.server.supplied import CertificateError, Supplied
from gateway.core.timeline import Timeline

log = structlog.stdlib.get_logger(__name__)

AUTHORITY = "ca.pem"
AUTHORITY_KEY = "ca.key"
# Certificate and key in one file, so that they are replaced in one step.
LEAF = "server.pem"
RECORD = "server.json"

# Seconds between two looks whether a new certificate is due. A step of the clock is noticed by then.
UPKEEP_INTERVAL = 10.0

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*")


class Record(msgspec.Struct, frozen=True):
    """What must be known of the current certificate to decide whether a new one is due.

    Attributes:
        names: it is good for.
        not_before: Unix seconds.
        not_after: Unix seconds.
        synchronised: the clock could be trusted when it was made.
        authority: SHA-256 of the authority's file, in hex.
    """

    names: list[str]
    not_before: float
    not_after: float
    synchronised: bool
    authority: str


def server_names(host_name: str, addresses: Iterable[str]) -> list[str]:
    """Every name and address a caller may use for this gateway."""
    short = host_name.partition(".")[0]
    hosts = [name for name in (host_name, short, f"{short}.local") if _HOST_NAME.fullmatch(name)]
    return list(dict.fromkeys([*hosts, "localhost", "127.0.0.1", "::1", *sorted(addresses)]))


def due(record: Record | None, names: list[str], now: float, *, synchronised: bool) -> str | None:
    """Why a new certificate must be made, None where the current one fits.

    An unsynchronised clock that stands before the certificate's start is wrong, not the certificate: boards without
    a clock chip start in the past, and callers with good clocks must not meet a certificate from there.
    """
    if record is None:
        return "there is none that can be used"
    if not set(names) <= set(record.names):
        return "names were added"
    if now >= record.not_before + (record.not_after - record.not_before) * 2 / 3:
        return "two thirds of its life are over"
    if synchronised and not record.synchronised:
        return "the clock was not synchronised when it was made"
    if synchronised and now < record.not_before:
        return "the clock was set back"
    return None


class ServerTls:
    """The server's TLS context and the files behind it.

    Args:
        state: the state directory, with ``ca.pem`` for callers to trust.
        timeline: the time certificates are made with.
        host_name: of this machine.
        supplied: files of the operator, who may show a certificate of his own, and ask callers for theirs.
        make: makes a certificate; called in a thread.

    Attributes:
        context: for new connections. Take it anew for each: its certificate is replaced in place, and all of it where
            callers are asked for theirs.
        now: Unix seconds.
        names: a caller may use for this gateway, in lower case; a new object when they change.
    """

    def __init__(
        self,
        state: Path,
        timeline: Timeline,
        host_name: str,
        supplied: Supplied | None = None,
        make: Callable[[Order], Made] = make_here,
    ) -> None:
        self._state = state
        self._timeline = timeline
        self._host_name = host_name
        self._names: list[str] = []
        self._record: Record | None = None
        self._loaded = False
        self._one_at_a_time = trio.Lock()
        self._supplied = supplied or Supplied()
        self._issue = make
        self._supplied_state: object = None
        self._supplied_names: list[str] = []
        self.now = timeline.now
        self.context = _tls_1_3()
        self.names: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate, as people compare it: ``AB:CD:…``; of a supplied one, of itself.

        Call it after ``cover``.
        """
        text = Path(self._supplied.certificate or self._state / AUTHORITY).read_text(encoding="utf-8")
        start = text.index(ssl.PEM_HEADER)
        der = ssl.PEM_cert_to_DER_cert(text[start : text.index(ssl.PEM_FOOTER, start) + len(ssl.PEM_FOOTER)])
        return hashlib.sha256(der).digest().hex(":").upper()

    async def cover(self, addresses: Iterable[str]) -> None:
        """Have the certificate name these addresses.

        Raises:
            OSError: there is no certificate yet, and none can be written.
            CertificateError: a supplied file cannot be used, and none could before.
        """
        names = server_names(self._host_name, addresses)
        if names != self._names or not self._loaded:
            self._names = names
            await self._renew()

    async def upkeep(self) -> None:
        """Renew the certificate when it is time, when the clock steps, when a file changes. Runs until cancelled."""
        while True:
            await trio.sleep(UPKEEP_INTERVAL)
            await self._renew()

    async def reread(self) -> None:
        """Read supplied files again, changed or not; those that cannot be used are refused and the old ones go on."""
        async with self._one_at_a_time:
            self._supplied_state = None
        await self._renew()

    async def _renew(self) -> None:
        async with self._one_at_a_time:
            await self._renew_supplied()
            if not self._supplied.certificate:
                await self._renew_own()
            names = frozenset(name.lower() for name in (*self._names, *self._supplied_names))
            if names != self.names:
                self.names = names

    async def _renew_supplied(self) -> None:
        """Take supplied files over as a whole: nobody meets a new certificate with an old key."""
        if self._supplied == Supplied():
            return
        state = await trio.to_thread.run_sync(self._supplied.state)
        if state == self._supplied_state:
            return
        # Also where they are refused: nothing is said twice of the same files.
        self._supplied_state = state
        context = _tls_1_3()
        try:
            self._supplied.load(context)
            names = self._supplied.names()
            if not self._supplied.certificate and self._loaded:
                context.load_cert_chain(self._state / LEAF)
        except (CertificateError, OSError) as error:
            if not self._loaded:
                raise
            log.warning("certificate files refused, the old ones go on", reason=str(error))
            return
        self.context = context
        self._supplied_names = names
        self._loaded = self._loaded or bool(self._supplied.certificate)
        log.info("certificate files read", files=[path for path in dataclasses.astuple(self._supplied) if path])

    async def _renew_own(self) -> None:
        if self._record is None:
            self._record = self._read_record()
        now, synchronised = self._timeline.now(), self._timeline.era.synchronised
        reason = due(self._record, self._names, now, synchronised=synchronised)
        if reason is not None:
            if self._record is not None and not synchronised:
                # It cannot be earlier now than it was then.
                now = max(now, self._record.not_before + 86400.0)
            try:
                self._record = await trio.to_thread.run_sync(self._make, self._names, now, synchronised)
            except OSError as error:
                # A full card must not end the server while the old certificate can still be shown.
                if not self._loaded:
                    raise
                log.warning("server certificate not renewed", reason=reason, error=str(error))
                return
            log.info("server certificate made", reason=reason, names=self._names)
        if reason is not None or not self._loaded:
            self.context.load_cert_chain(self._state / LEAF)
            self._loaded = True

    def _make(self, names: list[str], now: float, synchronised: bool) -> Record:  # noqa: FBT001 - called by thread
        authority, key = _read(self._state / AUTHORITY), _read(self._state / AUTHORITY_KEY)
        made = self._issue(Order(self._host_name, names, now, authority, key))
        if made.authority is not None:
            # A caller's copy of the certificate makes the old pair whole again: neither file is thrown away.
            files = [self._state / name for name in (AUTHORITY_KEY, AUTHORITY)]
            kept = [keep_aside(file, now).name for file in files if file.exists()]
            replace(self._state / AUTHORITY_KEY, made.authority.key)
            replace(self._state / AUTHORITY, made.authority.certificate, 0o644)
            if not kept and not self._used_before():
                log.info("new certificate authority: callers must trust it", reason="the first start", file=AUTHORITY)
            else:
                lost = "one of its two files is missing" if kept else "its files are missing"
                log.warning(
                    "new certificate authority: callers must trust it, those that trust the old one are refused",
                    reason=made.why or lost,
                    file=AUTHORITY,
                    kept_as=kept,
                    cure=f"copy {self._state / AUTHORITY} to every caller in the place of the old one",
                )
        leaf = made.leaf
        replace(self._state / LEAF, leaf.certificate + leaf.key)
        record = Record(names, leaf.not_before, leaf.not_after, synchronised, self._authority_digest())
        replace(self._state / RECORD, msgspec.json.encode(record))
        return record

    def _used_before(self) -> bool:
        return (self._state / LEAF).exists() or (self._state / RECORD).exists()

    def _read_record(self) -> Record | None:
        """What is known of the certificate on disk; None where it cannot be used, for whatever reason."""
        try:
            self.context.load_cert_chain(self._state / LEAF)
            record = msgspec.json.decode((self._state / RECORD).read_bytes(), type=Record)
            return record if record.authority == self._authority_digest() else None
        except (OSError, msgspec.DecodeError):
            return None

    def _authority_digest(self) -> str:
        return hashlib.sha256((self._state / AUTHORITY).read_bytes()).hexdigest()


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _tls_1_3() -> ssl.SSLContext:
    """TLS 1.3 and HTTP/1.1 only.

    P-256 is the one group every caller has (RFC 8446, 9.1), and Python can set one curve, no list. OpenSSL's own list
    ends with finite fields of up to 8192 bits: naming one costs a caller nothing, and the run loop 130 ms.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_ecdh_curve("prime256v1")
    context.set_alpn_protocols(["http/1.1"])
    # Resuming saves next to nothing with P-256, and without tickets a handshake is one write less.
    context.num_tickets = 0
    return context
