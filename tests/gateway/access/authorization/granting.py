"""People who grant, without pages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gateway.access.authorization.codes import Codes
from gateway.access.authorization.families import Families, Lifetimes, subject_of
from gateway.access.authorization.grants import CodeGrant, RefreshGrant
from gateway.access.authorization.pkce import challenge_of
from gateway.access.authorization.request import AuthorizationRequest
from gateway.access.oauth.grant import Client, ClientKind
from gateway.access.oauth.voids import Voids
from gateway.access.users.user import User
from tests.gateway.access.people import Household

DAY = 86400.0
VERIFIER = "v" * 43
CALLBACK = "http://127.0.0.1/callback"
PLUGIN_API, AGENT_API = "/v1", "/api/v1"

PROGRAM = Client(
    id="program",
    name="A program",
    kind=ClientKind.PUBLIC,
    digest=None,
    roles=frozenset({"operator"}),
    scopes=frozenset(),
    redirect_uris=(CALLBACK,),
)


@dataclass
class Granting(Household):
    """Everybody there is, and what they granted."""

    lifetimes: Lifetimes = field(default_factory=lambda: Lifetimes(idle=7 * DAY, longest=30 * DAY))

    def restart(self) -> None:
        Household.restart(self)
        self.codes = Codes(lambda: self.elapsed)
        self.voids = Voids(self.facts, self.wall, lambda: self.synchronised)
        self.users.ended.append(lambda user: self.voids.end(subject_of(user.id)))
        self.families = Families(
            self.facts,
            self.users,
            epoch=self.voids.epoch,
            wall=self.wall,
            synchronised=lambda: self.synchronised,
            lifetimes=lambda: self.lifetimes,
        )
        self.families.ended.append(lambda family: self.voids.end_grant(family.id))
        self.by_code = CodeGrant(self.codes, self.families, self.users, self.facts, self.notes)
        self.by_refresh = RefreshGrant(self.families, self.facts, self.notes)

    def code(
        self,
        user: User,
        *,
        client: Client = PROGRAM,
        scopes: frozenset[str] = frozenset({"devices:read", "devices:write"}),
        audience: frozenset[str] = frozenset({PLUGIN_API}),
        redirect_given: bool = True,
    ) -> str:
        """A code for what that person said yes to."""
        request = AuthorizationRequest(
            client=client,
            redirect_uri=client.redirect_uris[0],
            redirect_given=redirect_given,
            state=None,
            challenge=challenge_of(VERIFIER),
            scope=None,
            audience=audience,
        )
        return self.codes.give(request, scopes, user)


def other(client: Client = PROGRAM) -> Client:
    """Another client that is as good."""
    return replace(client, id="other")
