"""A request that comes twice is carried out once: ``Idempotency-Key`` (D-179; the IETF's draft of that name).

It is kept that a request is begun before it is, and how it was answered after it was. What was begun when the gateway
stopped is told as such: nobody knows how it ended. Keys themselves are not kept, and answers with secrets in them are
sealed: a copy of the disk alone shows none.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable

import msgspec
import structlog
import trio

from gateway.api.asgi import Scope, header
from gateway.api.replies import Reply
from gateway.api.rest.problems import Problem, Source
from gateway.api.rest.route import Call, Route
from gateway.core.eventlog import NotKept
from gateway.core.principal import Kind, Principal
from gateway.core.replays import ReplayStore
from gateway.core.sealing import Seal, SealError

log = structlog.stdlib.get_logger(__name__)

# What the keys made of the root key are for: names of requests, and answers with secrets.
REPLAY_NAMES = "replay-names"
REPLAY_SEAL = "replay-seal"
# Seconds a key is good for.
GOOD_FOR = 24 * 3600.0
# Of a disk that keeps what was done.
_PATIENCE_S = 5.0
# Bytes of an answer that is kept.
LARGEST = 64 * 1024

_HEADER = b"idempotency-key"
# A string of RFC 9651 without escapes, or the same without its quotes, as most clients write it.
_KEY = re.compile(rb'"([\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x5b\x5d-\x7e]{1,255})')
_SOURCE = Source("header", "Idempotency-Key")
_ENCODER = msgspec.json.Encoder(order="deterministic")


class _Answer(msgspec.Struct, frozen=True):
    """An answer as it is kept."""

    status: int
    headers: list[tuple[str, str]]
    content_type: str
    body: str


_DECODER = msgspec.json.Decoder(_Answer)


class Replays:
    """Carries requests out once.

    Args:
        store: keeps them.
        secret: names are made with it, so that they tell nothing of keys and bodies.
        seal: for answers with secrets.
        wall: Unix seconds.
    """

    def __init__(self, store: ReplayStore, secret: bytes, seal: Seal, wall: Callable[[], float]) -> None:
        self._store = store
        self._secret = secret
        self._seal = seal
        self._wall = wall
        self._under_way: set[bytes] = set()

    async def once(
        self,
        route: Route,
        call: Call[object, object],
        sent: object,
        work: Callable[[], Awaitable[Reply]],
    ) -> Reply:
        """The reply to a request: that of its first time, where it has a key and there was one.

        Args:
            route: it leads to.
            call: the request.
            sent: its body, as it was read.
            work: carries it out.

        Raises:
            Problem: 400, no such key can be; 409, the first one is under way or nobody knows how it ended; 422, the
                key was another request's; 503, the disk does not take it; and what ``work`` raises.
        """
        key = _key_of(call.origin.scope) if route.keyed else None
        if key is None:
            return await work()
        caller = self._name(b"caller", _who(call.origin.principal))
        name = self._name(b"key", caller, key)
        target = call.target.link().encode()
        mark = self._name(b"request", route.name.encode(), target, _ENCODER.encode(sent))
        if name in self._under_way:
            raise _conflict("in_flight", "the request that came with this key first is still under way")
        self._under_way.add(name)
        try:
            return await self._first(route, name, caller, mark) or await self._carried_out(route, name, work)
        finally:
            self._under_way.discard(name)

    async def _first(self, route: Route, name: bytes, caller: bytes, mark: bytes) -> Reply | None:
        """The reply of its first time; None: this is it, and that is kept now."""
        now = self._wall()
        try:
            found = await self._store.find(name, now - GOOD_FOR)
            if found is None:
                await self._store.begin(name, caller, mark, now, now - GOOD_FOR)
                return None
        except NotKept as reason:
            words = f"the disk does not take the key now, and nothing was done: {reason}."
            raise Problem(503, "unavailable", words, headers=((b"retry-after", b"10"),)) from reason
        if not hmac.compare_digest(found.mark, mark):
            words = "this key came with another request before: take a new one for each."
            raise Problem(422, "idempotency_key_reused", words, source=_SOURCE)
        if found.answer is None:
            words = "the request that came with this key first was begun, and nobody knows how it ended"
            raise _conflict("outcome_unknown", f"{words}: see what is there, and take a new key")
        return self._shown(route, name, found.answer)

    async def _carried_out(self, route: Route, name: bytes, work: Callable[[], Awaitable[Reply]]) -> Reply:
        try:
            reply = await work()
        except Problem:
            # It was refused, and nothing was done: mended, it may come again with the same key.
            with trio.move_on_after(_PATIENCE_S, shield=True):
                await self._quietly(self._store.forget(name))
            raise
        if len(reply.body) <= LARGEST:
            written = self._written(route, name, reply)
            # The time for the answer may be over by now; what was done is to be known all the same.
            with trio.move_on_after(_PATIENCE_S, shield=True):
                await self._quietly(self._store.finish(name, written))
        return reply

    @staticmethod
    async def _quietly(keeping: Awaitable[None]) -> None:
        try:
            await keeping
        except NotKept as reason:
            # What was done is done; that its answer is not kept is told when it is asked for again.
            log.warning("the answer to a request with Idempotency-Key is not kept", reason=str(reason))

    def _written(self, route: Route, name: bytes, reply: Reply) -> bytes:
        headers = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in reply.headers]
        answer = _Answer(reply.status, headers, reply.content_type.decode("latin-1"), reply.body.decode())
        text = _ENCODER.encode(answer)
        return self._seal.close(text.decode(), name.hex()).encode() if route.confidential else text

    def _shown(self, route: Route, name: bytes, kept: bytes) -> Reply:
        try:
            text = self._seal.open(kept.decode(), name.hex()) if route.confidential else kept
        except SealError:
            words = "it was done, but its answer cannot be shown any more, for the gateway's key is another one"
            raise _conflict("outcome_unknown", f"{words}: see what is there") from None
        answer = _DECODER.decode(text)
        headers = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in answer.headers]
        told = (*headers, (b"idempotency-replayed", b"true"))
        return Reply(answer.status, answer.body.encode(), told, answer.content_type.encode("latin-1"))

    def _name(self, *parts: bytes) -> bytes:
        whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._secret, whole, "sha256")


def _key_of(scope: Scope) -> bytes | None:
    given = header(scope, _HEADER)
    if given is None and all(name != _HEADER for name, _ in scope["headers"]):
        return None
    found = _KEY.fullmatch((given or b"").strip())
    if found is None:
        words = "Idempotency-Key: send it once, with 1 to 255 printable characters and no spaces, such as a UUID."
        raise Problem(400, "invalid", words, source=_SOURCE)
    return found[1] or found[2]


def _who(principal: Principal) -> bytes:
    """Who is meant by a caller: its next token is the same one, but for operators, whom nothing else tells apart."""
    token = principal.token_id if principal.kind is Kind.OPERATOR else ""
    return msgspec.json.encode([principal.kind, principal.subject, principal.client_id, token])


def _conflict(code: str, words: str) -> Problem:
    headers = ((b"retry-after", b"1"),) if code == "in_flight" else ()
    return Problem(409, code, f"{words}.", source=_SOURCE, headers=headers)
