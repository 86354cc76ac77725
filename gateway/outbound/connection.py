"""One connection, and one exchange after the other on it: HTTP/1.1 within bounds of time and size.

Whoever answers may do so wrongly in every way. What is read is bounded before it is looked at; nothing is followed, and
no proxies are asked.
"""

from __future__ import annotations

import math
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import h11
import trio

from gateway.outbound.route import ClosedError, Peer, Route, UntrustedError, WireError
from gateway.streams.encrypted import Encrypted
from gateway.streams.plain import Plain

# Taken at once of what has come: it is worked off without a break.
_CHUNK = 4096
# Interim answers (1xx) that are passed over.
_MOST_INTERIM = 10
# Bytes of the status line and the headers.
_LARGEST_HEAD = 16 * 1024
# Bytes that frame a body of so many: chunks of a byte each take six.
_FRAMING = 6

Stream = Plain | Encrypted


@dataclass(frozen=True, slots=True)
class Request:
    """A POST.

    Attributes:
        target: path and query.
        headers: names in small letters; the length of the body is added.
        body: whole.
    """

    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of an answer is taken.

    Attributes:
        body: bytes of its body.
        patience: seconds for the body, once its head is there.
    """

    body: int = 4096
    patience: float = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        headers: names in small letters.
        body: its beginning.
        fault: why the body is not whole; None where it is.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fault: str | None = None


async def connect(peer: Peer, route: Route, context: ssl.SSLContext | None) -> Connection:
    """Open a connection that is proven; the caller sets the time limit.

    Args:
        peer: whom to reach.
        route: where that is.
        context: knows whom to trust; None: plain http.

    Raises:
        UntrustedError: it shows a certificate that is not trusted, or is not for it.
        WireError: not reached.
    """
    try:
        # The address is given in full, so nothing is looked up.
        tcp = await trio.open_tcp_stream(route.address, peer.port)
    except OSError as error:
        raise WireError(f"was not reached: {_words(error)}") from None
    plain = Plain(tcp)
    if context is None:
        return Connection(plain, route)
    try:
        stream = Encrypted(plain, context, math.inf, host=peer.host)
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(plain)
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise UntrustedError(f"shows a certificate that is not trusted: {error.__cause__.verify_message}") from None
        raise WireError(f"was not reached: {_cause(error)}") from None
    except BaseException:
        await trio.aclose_forcefully(plain)
        raise
    return Connection(stream, route)


class Connection(trio.abc.AsyncResource):
    """A connection.

    Args:
        stream: open and proven.
        route: where it leads.

    Attributes:
        route: where it leads.
        reusable: whether another exchange can follow.
        used: how many were begun.
    """

    def __init__(self, stream: Stream, route: Route) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self.route = route
        self.reusable = True
        self.used = 0
        self._came = 0
        self._waiting = b""

    @property
    def quiet(self) -> bool:
        """Whether nothing came since the last answer: whoever closes, or speaks unasked, is not used again."""
        return not self._waiting and self._stream.quiet

    async def exchange(self, authority: str, request: Request, bounds: Bounds, *, deadline: float = math.inf) -> Answer:
        """Send a request and take its answer.

        Args:
            authority: as ``Host`` says it.
            request: what to send.
            bounds: how much of the answer is taken.
            deadline: moment of the run loop's clock by which the head of the answer must be there.

        Raises:
            ClosedError: the connection ended before anything came.
            WireError: no answer, or none in HTTP/1.1.
            trio.TooSlowError: none by then.
        """
        self.reusable = False
        self.used += 1
        self._came = 0
        head: h11.Response | None = None
        try:
            # Not ``fail_at``: it leaves behind what refers to itself.
            with trio.move_on_at(deadline):
                await self._send(authority, request)
                head = await self._head()
        except trio.BrokenResourceError as error:
            words = f"did not answer: {_cause(error)}"
            raise (WireError if self._came else ClosedError)(words) from None
        except h11.ProtocolError as error:
            raise WireError(_misspoken(error)) from None
        if head is None:
            raise trio.TooSlowError
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        body = bytearray()
        # The status is known, and nothing that happens to the body changes it.
        fault: str | None = "did not end its answer in time"
        with trio.move_on_after(bounds.patience):
            fault = await self._body(body, bounds.body)
        return Answer(head.status_code, headers, bytes(body), fault)

    async def aclose(self) -> None:
        """Close at once: whoever is there may never read a farewell."""
        self.reusable = False
        await trio.aclose_forcefully(self._stream)

    async def _send(self, authority: str, request: Request) -> None:
        headers = [("host", authority), *request.headers, ("content-length", str(len(request.body)))]
        http = self._http
        sent = http.send(h11.Request(method="POST", target=request.target, headers=headers)) or b""
        sent += (http.send(h11.Data(data=request.body)) or b"") + (http.send(h11.EndOfMessage()) or b"")
        await self._stream.send_all(sent)

    async def _receive(self) -> bytes:
        if self._waiting:
            await trio.lowlevel.checkpoint()
        else:
            self._waiting = await self._stream.receive_some()
        data, self._waiting = self._waiting[:_CHUNK], self._waiting[_CHUNK:]
        return data

    async def _head(self) -> h11.Response:
        interim = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._receive()
                if not data and not self._came:
                    raise ClosedError("closed the connection without an answer")
                self._came += len(data)
                self._http.receive_data(data)
            elif isinstance(event, h11.InformationalResponse):
                interim += 1
                if interim > _MOST_INTERIM:
                    raise WireError(f"sent more than {_MOST_INTERIM} interim answers and none that counts")
            elif isinstance(event, h11.Response):
                return event
            else:
                raise WireError("closed the connection without an answer")

    async def _body(self, body: bytearray, largest: int) -> str | None:
        """Take the body as far as it goes. Returns why it is not whole."""
        most = _LARGEST_HEAD + _FRAMING * largest
        came = 0
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if came > most:
                        return f"answered with more than {largest} bytes"
                    data = await self._receive()
                    came += len(data)
                    self._http.receive_data(data)
                elif isinstance(event, h11.Data):
                    body += event.data[: largest - len(body) + 1]
                    if len(body) > largest:
                        del body[largest:]
                        return f"answered with more than {largest} bytes"
                elif isinstance(event, h11.EndOfMessage):
                    self._begin_anew()
                    return None
                else:
                    return "closed the connection within its answer"
        except trio.BrokenResourceError as error:
            return f"broke off its answer: {_cause(error)}"
        except h11.RemoteProtocolError as error:
            return _misspoken(error)

    def _begin_anew(self) -> None:
        http = self._http
        over = http.our_state is h11.DONE and http.their_state is h11.DONE
        if over and not http.trailing_data[0] and not self._waiting:
            http.start_next_cycle()
            self.reusable = True


def _misspoken(error: h11.ProtocolError) -> str:
    # h11 raises it from a frame that refers to it: with its trace, it and all it came through refer to themselves.
    error.__traceback__ = None
    return f"does not speak HTTP/1.1: {error}"


def _cause(error: trio.BrokenResourceError) -> object:
    return error.__cause__ or error


def _words(error: OSError) -> str:
    # trio wraps what each address it tried came to; there is one.
    match error.__cause__:
        case BaseExceptionGroup(exceptions=(OSError() as cause, *_)):
            return os.strerror(cause.errno) if cause.errno else str(cause)
        case _:
            return os.strerror(error.errno) if error.errno else str(error)
