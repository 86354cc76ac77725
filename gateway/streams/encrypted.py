"""The encrypted side of a connection: TLS by OpenSSL in memory, as a server or as a client.

It does less than trio's stream, and therefore costs less: the handshake is over before anybody gets it, there is one
reader, and nothing that can be done at once waits. What it must not do less of:

* what is encrypted goes out in that order, whoever sends, and as a whole; where that fails or is cancelled, nothing
  more goes out;
* everything that was decrypted is handed out, also before a fault, the peer's end, or a cancellation;
* a peer that sends records without content, or asks for new keys again and again, is cut off;
* a peer's certificate is proven by the handshake, as the context says;
* the peer's end (``close_notify``, or none of it) ends what it sends, not what it is sent (RFC 8446, 6.1); ours says
  that all was said.
"""

from __future__ import annotations

import contextlib
import ssl

import trio

from gateway.streams.plain import Plain

# The most one record carries (RFC 8446, 5.1), and what it is at most on the wire (5.2).
_RECORD = 2**14
_SEALED_RECORD = _RECORD + 256 + 5
# Encrypted and handed to the kernel at once: what of a long answer is in memory twice.
_PIECE = 4 * _RECORD
# Sends that did not wait, after which others have their turn: who sends many bytes at once must not have them answered
# one by one while everybody else waits.
_IN_A_ROW = 8
# All that may wait for the kernel: a piece each of a few tasks.
_MOST_UNSENT = 8 * _PIECE


class Encrypted(trio.abc.AsyncResource):
    """One connection.

    Args:
        transport: the stream below.
        context: of a server, TLS 1.3 only, without session tickets; or of a client.
        write_time: seconds the peer has to take a piece of what is sent.
        host: the name of the server this is a client of; None: this is the server.

    Attributes:
        session: tells what was agreed on, and the peer's certificate.
    """

    def __init__(
        self, transport: Plain, context: ssl.SSLContext, write_time: float, *, host: str | None = None
    ) -> None:
        self._transport = transport
        self._write_time = write_time
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_side=host is None, server_hostname=host)
        # Encrypted, but not taken by the kernel; what is in `_outgoing` comes behind it.
        self._unsent = b""
        self._draining = trio.Lock()
        self._barren = 0
        self._in_a_row = 0
        self._over = self._closed = False
        # Its words alone: an exception has the frames it came through, and those have us.
        self._fault: str | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing has come that was not received, no end and no loss either."""
        if self._over or self._fault is not None:
            return False
        return self._transport.quiet and not self._incoming.pending

    @property
    def held_up(self) -> bool:
        """Whether the peer does not take what is sent."""
        return bool(self._unsent) or self._draining.locked()

    async def do_handshake(self) -> None:
        """Shake hands; nothing else may be called before.

        Raises:
            BrokenResourceError: it failed; ``last_word`` has what the peer should be told.
            TooSlowError: the peer did not take our part of it in time.
        """
        while True:
            try:
                self.session.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                raise self._broken(error) from error
            else:
                await self._send()
                return
            await self._send()
            received = await self._transport.receive_some()
            if received:
                self._incoming.write(received)
            else:
                self._incoming.write_eof()

    def last_word(self) -> bytes:
        """What is still to be sent after a handshake that failed: an alert."""
        return self._outgoing.read()

    async def receive_some(self) -> bytes:
        """What has come, at least a byte; empty once the peer has ended. Cancelling it loses nothing.

        Raises:
            BrokenResourceError: the connection is lost, or the peer breaks the rules.
            ClosedResourceError: it was closed here.
        """
        self._in_a_row = 0
        if self._closed:
            raise trio.ClosedResourceError
        if self._incoming.pending and not self._over and (data := self._decrypt()):
            # It came with the end of the handshake.
            return data
        while self._fault is None and not self._over:
            received = await self._transport.receive_some()
            if not received:
                self._over = True
                break
            self._incoming.write(received)
            self._barren += len(received)
            if data := self._decrypt():
                self._barren = 0
                return data
            if self._barren > 2 * _SEALED_RECORD:
                self._fault = "records without content"
        if self._fault is not None:
            raise self._broken(self._fault)
        return b""

    async def send_all(self, data: bytes) -> None:
        """Send all of it; it waits only where the kernel does not take it at once, or where much was sent in a row.

        Raises:
            BrokenResourceError: the connection is lost, or was given up in the middle of a send.
            ClosedResourceError: it was closed here.
            TooSlowError: the peer did not take it in time.
        """
        # Nothing to be sent sends what an ``offer`` has left.
        for start in range(0, len(data) or 1, _PIECE):
            self._encrypt(data[start : start + _PIECE] if len(data) > _PIECE else data)
            await self._send()
            self._in_a_row += 1
            if self._in_a_row >= _IN_A_ROW:
                self._in_a_row = 0
                await trio.lowlevel.checkpoint()

    def offer(self, data: bytes) -> bool:
        """Send it without waiting, where nothing waits to be sent; returns whether it was taken.

        What the kernel does not take of it goes out with what is sent next: see ``held_up``.
        """
        if self.held_up or self._closed or self._fault is not None:
            return False
        try:
            self._encrypt(data)
            self._push()
        except trio.BrokenResourceError as error:
            # Whoever reads or sends next is told.
            self._fault = str(error)
            return False
        return True

    def end(self) -> None:
        """Say ``close_notify``, where it can be said at once. Nothing can be sent after it."""
        if self._closed:
            return
        self._closed = True
        if self._fault is None and not self._draining.locked():
            # It would wait for the peer's as well, and complain of what the peer has sent meanwhile.
            with contextlib.suppress(ssl.SSLError):
                self.session.unwrap()
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                self._push()

    async def aclose(self) -> None:
        """Close it after all was said."""
        self.end()
        await self._transport.aclose()

    async def abort(self) -> None:
        """Close it in the middle of something: the peer must not take what it has got for all there is."""
        self.give_up()
        await trio.aclose_forcefully(self)

    def give_up(self) -> None:
        """Say nothing more, neither that this was all. It is still to be closed."""
        self._closed = True

    def _decrypt(self) -> bytes:
        """All that can be had of what has come; a fault behind it is kept."""
        found = []
        try:
            # OpenSSL takes records one by one out of the buffer: what stays there is to be read.
            while self._incoming.pending:
                part = self.session.read(_RECORD)
                if not part:
                    self._over = True
                    break
                found.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._over = True
        except ssl.SSLError as error:
            self._fault = str(error)
        if self._outgoing.pending:
            self._reply()
        return found[0] if len(found) == 1 else b"".join(found)

    def _reply(self) -> None:
        """Send what reading has brought about: an alert, or a change of keys."""
        try:
            self._push()
        except trio.BrokenResourceError as error:
            self._fault = self._fault or str(error)
        if self._outgoing.pending + len(self._unsent) > _MOST_UNSENT:
            self._fault = "new keys are asked for faster than they are taken"

    def _encrypt(self, data: bytes) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self._fault is not None:
            raise self._broken(self._fault)
        try:
            written = self.session.write(data) if data else 0
            while written < len(data):
                written += self.session.write(data[written:])
        except ssl.SSLError as error:
            raise self._broken(error) from error

    def _push(self) -> bool:
        """Give the kernel what it takes now. Returns whether that was all."""
        if self._draining.locked():
            return False
        waiting = self._unsent + self._outgoing.read()
        sent = self._transport.send_now(waiting) if waiting else 0
        self._unsent = waiting[sent:]
        return not self._unsent

    async def _send(self) -> None:
        whole = False
        try:
            if not self._push():
                # Not ``fail_after``: it leaves behind what refers to itself.
                with trio.move_on_after(self._write_time) as patience:
                    await self._drain()
                if patience.cancelled_caught:
                    raise trio.TooSlowError
            whole = True
        finally:
            if not whole and self._fault is None:
                # Nobody knows how much of it is out.
                self._fault = "given up in the middle of a record"

    async def _drain(self) -> None:
        async with self._draining:
            while waiting := self._unsent + self._outgoing.read():
                self._unsent = b""
                await self._transport.send_all(waiting)

    def _broken(self, reason: object) -> trio.BrokenResourceError:
        self._fault = str(reason)
        return trio.BrokenResourceError(f"TLS: {reason}")
