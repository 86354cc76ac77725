"""Access is put together: clients, their tokens and keys, and the endpoints where they are had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from gateway.access.admin import AdminClient
from gateway.access.attempts import Attempts
from gateway.access.keys import RootKey
from gateway.access.limits.rates import RateLimits
from gateway.access.oauth.access_tokens import TYPE, AccessTokens
from gateway.access.oauth.api_keys import ApiKeys
from gateway.access.oauth.authentication import Authentication
from gateway.access.oauth.client_credentials import GRANT_TYPE, ClientCredentials
from gateway.access.oauth.clients import Clients
from gateway.access.oauth.grant import Grant, OtherTokens
from gateway.access.oauth.plugin_tokens import PluginTokens
from gateway.access.oauth.subjects import Subjects
from gateway.access.oauth.tokens import TokenService
from gateway.access.oauth.voids import Voids
from gateway.api.parts import AgentParts
from gateway.api.rest.oauth import oauth_routes
from gateway.api.rest.oauth_clients import client_routes
from gateway.api.rest.oauth_keys import key_routes
from gateway.api.rest.oauth_me import me_routes
from gateway.api.rest.oauth_metadata import AUTHORIZATION_CODE, metadata_routes
from gateway.api.rest.plugin_tokens import plugin_token_routes
from gateway.api.rest.route import Route
from gateway.core.audit import AuditLog
from gateway.core.clients import CredentialStore
from gateway.core.eventlog import NotKept
from gateway.core.timeline import Timeline
from gateway.settings.model import Settings

log = structlog.stdlib.get_logger(__name__)

# When clients and keys were last used goes to the disk so seldom: people look at days.
USES_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """All that has to do with who may ask.

    Attributes:
        clients: of OAuth.
        keys: API keys.
        subjects: all that tokens and keys can stand for; users and plugins make themselves known here.
        tokens: access tokens.
        plugins: those of plugins; whoever knows plugins makes them known here.
        voids: what was ended.
        attempts: that failed.
        grants: by ``grant_type``; more may be added before anybody asks.
        others: tokens that are no access tokens; likewise.
        routes: of the API.
    """

    clients: Clients
    keys: ApiKeys
    subjects: Subjects
    tokens: AccessTokens
    plugins: PluginTokens
    voids: Voids
    attempts: Attempts
    grants: dict[str, Grant]
    others: list[OtherTokens]
    routes: tuple[Route, ...]
    _store: CredentialStore

    async def load(self, admin: AdminClient | None) -> None:
        """Learn who there is.

        Args:
            admin: out of ``admin.json``; None: there is none.
        """
        await self.clients.load(admin)
        await self.keys.load()

    async def run(self) -> None:
        """Keep when clients and keys were last used, until cancelled."""
        while True:
            await trio.sleep(USES_S)
            await self.keep_uses()

    async def keep_uses(self) -> None:
        """Keep that now; what the disk does not take is not worth another try."""
        clients, keys = self.clients.take_uses(), self.keys.take_uses()
        if not clients and not keys:
            return
        try:
            await self._store.save_uses(clients, keys)
        except NotKept as reason:
            log.info("when clients and keys were used is in memory only", reason=str(reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What access stands on.

    Attributes:
        root: all keys come from it.
        store: keeps clients and API keys.
        agents: they prove tokens, and know what was revoked.
        rates: how much callers may ask.
        timeline: the time of tokens.
        audit: is told of what is given, refused and ended.
    """

    root: RootKey
    store: CredentialStore
    agents: AgentParts
    rates: RateLimits
    timeline: Timeline
    audit: AuditLog


def accessing(
    grounds: Grounds, settings: Callable[[], Settings], *, monotonic: Callable[[], float] = trio.current_time
) -> Access:
    """Build it all; nobody is known until it is loaded.

    Args:
        grounds: what it stands on.
        settings: in force.
        monotonic: seconds of a clock that never goes back.
    """
    agents, timeline = grounds.agents, grounds.timeline
    voids = Voids(agents.facts, timeline.now, lambda: timeline.era.synchronised)
    attempts = Attempts(monotonic)
    clients = Clients(grounds.store, timeline.now, lambda: settings().access.max_clients, voids.end)
    subjects = Subjects()
    subjects.know("client", clients.standing)
    tokens = AccessTokens(
        grounds.root,
        timeline.now,
        subjects=subjects,
        voids=voids,
        ttl=lambda: settings().access.token_ttl,
        rate_limit=lambda: grounds.rates.settings.requests_per_minute,
    )
    agents.bearer.take(TYPE, tokens)
    plugins = PluginTokens(tokens, subjects, voids)

    def told() -> None:
        # Whoever remembers tokens, or serves those who showed one, listens there.
        for tell in agents.revocations.changed:
            tell()

    voids.changed.append(told)
    clients.changed.append(told)
    keys = ApiKeys(
        grounds.store, timeline.now, subjects, lambda: settings().access.max_keys, attempts, ended=voids.end_key
    )
    clients.leaving.append(keys.end_of)
    grants: dict[str, Grant] = {GRANT_TYPE: ClientCredentials()}
    others: list[OtherTokens] = []
    service = TokenService(
        authentication=Authentication(clients, attempts, grounds.audit),
        clients=clients,
        tokens=tokens,
        grants=grants,
        others=others,
        verify=agents.bearer.verify,
        revocations=agents.revocations,
        settle=agents.facts.settle,
        audit=grounds.audit,
    )
    return Access(
        clients=clients,
        keys=keys,
        subjects=subjects,
        tokens=tokens,
        plugins=plugins,
        voids=voids,
        attempts=attempts,
        grants=grants,
        others=others,
        routes=(
            *oauth_routes(service),
            *metadata_routes(lambda: _offered(service.grant_types, login=settings().access.login)),
            *me_routes(subjects, lambda: grounds.rates.settings.requests_per_minute),
            *client_routes(clients),
            *key_routes(keys),
            *plugin_token_routes(plugins),
        ),
        _store=grounds.store,
    )


def _offered(grant_types: Sequence[str], *, login: bool) -> Sequence[str]:
    """The grants that programs are told of: nobody gets a code where people cannot sign in."""
    return [name for name in grant_types if login or name != AUTHORIZATION_CODE]
