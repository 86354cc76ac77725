"""What a client's frames do: its token, its subscriptions (D-130, D-131)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.access.oauth.api_keys import ApiKeys
from gateway.api.asgi import Scope
from gateway.api.live import frames
from gateway.api.live.client import Client, Close, Shown
from gateway.api.live.frames import Auth, Command, Ping, Subscribe, Unsubscribe
from gateway.api.live.hub import Hub
from gateway.api.live.interests import Wish, make_wish, words_of
from gateway.api.origin import Caller, peer_of
from gateway.core.channels import CHANNELS, may_subscribe
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.patterns import MOST_PATTERNS, Pattern, Selection, parse_pattern, parse_selection
from gateway.core.principal import Kind, Principal
from gateway.core.turns import account_of
from gateway.settings.model import LimitSettings

# Who was refused, with which handshake, why, and what was to be heard.
Denied = Callable[[Caller, Scope, GatewayError, str | None], None]
# Values of all filters of a connection: each costs a place for every type that its pattern fits.
_MOST_VALUES = 2000


class Commands:
    """Does what clients ask for.

    Args:
        hub: brings them events.
        verify: tells who shows a token to a path family; raises GatewayError.
        limits: in force.
        wall: Unix seconds.
        deny: told of each refusal.
        keys: gives what proves API keys; None: there are none.
    """

    def __init__(
        self,
        hub: Hub,
        verify: Callable[[str, str], Principal],
        limits: Callable[[], LimitSettings],
        wall: Callable[[], float],
        deny: Denied,
        *,
        keys: Callable[[], ApiKeys | None],
    ) -> None:
        self._deny = deny
        self._hub = hub
        self._verify = verify
        self._keys = keys
        self._limits = limits
        self._wall = wall
        self._connected: dict[str, int] = {}

    async def obey(self, client: Client, command: Command) -> None:
        """Do what a frame asks for.

        Raises:
            GatewayError: it cannot be done, and the client is told so.
        """
        if isinstance(command, Auth):
            self._authenticate(client, _shown(command))
        elif client.principal is None:
            error = GatewayError(Code.UNAUTHENTICATED, 'show a token first: {"type": "auth", "token": "..."}')
            self._deny(error, client.handshake, error, None)
            client.end(Close.UNAUTHENTICATED, error.reason)
        elif isinstance(command, Subscribe):
            await self._subscribe(client, client.principal, command)
        elif isinstance(command, Unsubscribe):
            self._unsubscribe(client, command)
        elif isinstance(command, Ping):
            client.say(frames.pong())

    def admit(self, shown: Shown, audience: str, peer: str) -> Principal:
        """Tell who shows a token or a key, and whether it may listen at all.

        Raises:
            GatewayError: UNAUTHENTICATED, FORBIDDEN for an enrolment; TOO_MANY, keys that are none from this address.
        """
        keys = self._keys()
        if shown.is_key and keys is not None:
            return keys.verify(shown.text, peer, audience)
        principal = self.still(shown, audience)
        if principal.kind is Kind.ENROLMENT:
            reason = "an enrolment token registers an agent and nothing else: use the token that it got then"
            raise GatewayError(Code.FORBIDDEN, reason)
        return principal

    def crowded(self, principal: Principal) -> GatewayError | None:
        """Why a caller may open no other connection; None where it may."""
        most = self._limits().event_connections
        if self._connected.get(account_of(principal), 0) < most:
            return None
        return GatewayError(Code.TOO_MANY, f"{most} connections to events are open with this token: close one")

    def still(self, shown: Shown, audience: str) -> Principal:
        """Tell who has shown a token or a key. Its end is its end here: nobody's clock but ours is asked.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        if shown.is_key:
            keys = self._keys()
            if keys is None:
                raise GatewayError(Code.UNAUTHENTICATED, "this gateway knows no API keys")
            return keys.still(shown.text, audience)
        principal = self._verify(shown.text, audience)
        if self._wall() >= principal.expires:
            raise GatewayError(Code.UNAUTHENTICATED, "the token has expired: issue a new one")
        return principal

    def connect(self, client: Client, principal: Principal, shown: Shown) -> None:
        """Take a token or a key: the first one, or the next one of the same caller."""
        before, client.principal, client.shown = client.principal, principal, shown
        self._count(before, -1)
        self._count(principal, 1)

    def disconnect(self, client: Client) -> None:
        """It is gone."""
        self._hub.interests.drop(client)
        self._count(client.principal, -1)
        client.principal = None

    def _count(self, principal: Principal | None, change: int) -> None:
        if principal is None:
            return
        account = account_of(principal)
        count = self._connected.pop(account, 0) + change
        if count:
            self._connected[account] = count

    def _authenticate(self, client: Client, shown: Shown) -> None:
        before = client.principal
        try:
            principal = self.admit(shown, client.audience, peer_of(client.handshake))
        except GatewayError as error:
            self._refuse(client, before or error, error)
            return
        crowded = None if before else self.crowded(principal)
        if crowded is not None:
            self._refuse(client, principal, crowded)
            return
        if before is not None:
            self._check_successor(client, before, principal)
            if client.ending is not None:
                return
        self.connect(client, principal, shown)
        client.say(frames.auth_ok(principal.expires, principal.subject))
        if client.wishes:
            self._hub.admit(client)

    def _refuse(self, client: Client, caller: Caller, error: GatewayError) -> None:
        """A token is not taken: the connection ends."""
        self._deny(caller, client.handshake, error, None)
        client.say(frames.auth_error(error))
        client.end(_CLOSES[error.code], error.reason)

    def _check_successor(self, client: Client, before: Principal, principal: Principal) -> None:
        """A connection stays one caller's, and a token that allows less ends what it does not allow (D-130)."""
        reason = None
        if (principal.kind, principal.subject) != (before.kind, before.subject):
            reason = f"this connection is {before.subject}'s: open another one"
        for wish in client.wishes.values():
            try:
                _check_allowed(principal, wish)
            except GatewayError as error:
                reason = reason or error.reason
        if reason is not None:
            self._refuse(client, before, GatewayError(Code.FORBIDDEN, reason))

    async def _subscribe(self, client: Client, principal: Principal, asked: Subscribe) -> None:
        if not asked.channels and not asked.patterns:
            known = ", ".join(CHANNELS)
            raise invalid("channels", f"name channels ({known}), or patterns like alarm:*")
        # For what it says of a filter.
        wanted = parse_selection(["*"], asked.filter).wanted
        words, values = words_of(wanted), sum(map(len, wanted.values()))
        held = sum(map(_values, client.wishes.values()))
        rejected: list[dict[str, str]] = []
        denied: list[tuple[str, GatewayError]] = []
        new: dict[tuple[str, str], Wish] = {}
        for kind, name in _named(asked):
            try:
                wish = make_wish(kind, name, Selection(_patterns(kind, name), wanted), words)
                _check_allowed(principal, wish)
                before = new.get(wish.key) or client.wishes.get(wish.key)
                more = values - _values(before)
                if held + more > _MOST_VALUES:
                    reason = f"the filters of a connection have at most {_MOST_VALUES} values, for each pattern anew"
                    raise GatewayError(Code.TOO_MANY, reason)
                if before is None and len(client.wishes.keys() | new.keys()) >= MOST_PATTERNS:
                    reason = f"a connection has at most {MOST_PATTERNS} subscriptions: unsubscribe from one"
                    raise GatewayError(Code.TOO_MANY, reason)
            except GatewayError as error:
                rejected.append(frames.rejection(kind, name, error))
                if error.code is Code.FORBIDDEN:
                    denied.append((name, error))
            else:
                new[wish.key] = wish
                held += more
        if denied:
            first, why = denied[0]
            others = f" and {len(denied) - 1} more" if len(denied) > 1 else ""
            self._deny(principal, client.handshake, why, f"{first}{others}")
        wishes = tuple(new.values())
        if asked.resume_from is not None and wishes:
            await self._resume(client, asked.resume_from, wishes, rejected)
            return
        client.wishes = client.with_wishes(wishes)
        client.say(frames.subscribed(*_names(wishes), rejected, self._hub.newest, None))
        self._hub.admit(client)

    async def _resume(
        self, client: Client, since: int, wishes: tuple[Wish, ...], rejected: list[dict[str, str]]
    ) -> None:
        page = await self._hub.read(client, since)
        complete = since <= self._hub.newest and (
            self._hub.remembers(since) or (page.events is not None and self._hub.reaches_back(since))
        )
        resumed = {"from": since, "complete": complete}
        client.say(frames.subscribed(*_names(wishes), rejected, self._hub.newest, resumed))
        await self._hub.catch_up(client, since, page, wishes, complete=complete)

    def _unsubscribe(self, client: Client, asked: Unsubscribe) -> None:
        everything = not asked.channels and not asked.patterns
        gone = [wish for wish in client.wishes.values() if everything or wish.key in set(_named(asked))]
        client.wishes = {key: wish for key, wish in client.wishes.items() if wish not in gone}
        self._hub.admit(client)
        client.say(frames.unsubscribed(*_names(tuple(gone))))


def _shown(command: Auth) -> Shown:
    """What a frame shows.

    Raises:
        GatewayError: INVALID, not exactly one thing.
    """
    if (command.token is None) == (command.api_key is None):
        raise invalid("token", "show one thing: a token, or an api_key as ID:KEY")
    return Shown(command.token or command.api_key or "", command.api_key is not None)


_CLOSES = {
    Code.UNAUTHENTICATED: Close.UNAUTHENTICATED,
    Code.FORBIDDEN: Close.FORBIDDEN,
    Code.TOO_MANY: Close.TOO_MANY,
}


def _named(asked: Subscribe | Unsubscribe) -> Iterator[tuple[str, str]]:
    yield from (("channel", name) for name in asked.channels)
    yield from (("pattern", text) for text in asked.patterns)


def _values(wish: Wish | None) -> int:
    return 0 if wish is None else sum(map(len, wish.selection.wanted.values()))


def _names(wishes: tuple[Wish, ...]) -> tuple[list[str], list[str]]:
    channels = [wish.name for wish in wishes if wish.kind == "channel"]
    return channels, [wish.name for wish in wishes if wish.kind == "pattern"]


def _patterns(kind: str, name: str) -> tuple[Pattern, ...]:
    if kind == "pattern":
        return (parse_pattern(name),)
    channel = CHANNELS.get(name)
    if channel is None:
        raise invalid("channels", f"there is no such channel; there are {', '.join(CHANNELS)}")
    return channel.patterns


def _check_allowed(principal: Principal, wish: Wish) -> None:
    """Refuse what would never bring anything.

    Raises:
        GatewayError: FORBIDDEN.
    """
    if wish.kind == "channel":
        scope = CHANNELS[wish.name].scope
        if not principal.may(scope):
            raise GatewayError(Code.FORBIDDEN, f"the channel {wish.name} needs the scope {scope}")
    elif not may_subscribe(principal, wish.selection.patterns[0]):
        raise GatewayError(Code.FORBIDDEN, f"no event that {wish.name} stands for may be received with this token")
