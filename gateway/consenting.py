"""People are put together: who signs in with what, where they do, and what they let programs do for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from gateway.access.authorization.codes import Codes
from gateway.access.authorization.families import Families, Lifetimes, subject_of
from gateway.access.authorization.grants import CodeGrant, RefreshGrant
from gateway.access.login.sessions import Sessions
from gateway.access.login.sign_in import SignIn
from gateway.access.oauth.subjects import Standing
from gateway.access.roles import ROLES, scopes_of
from gateway.access.users.first_admin import FirstAdmin
from gateway.access.users.passwords import Hasher, Passwords
from gateway.access.users.people import People
from gateway.access.users.users import Users
from gateway.accessing import Access, Grounds
from gateway.api.pages.authorize import LoginPages, LoginParts
from gateway.api.pages.keys import KeyPages, KeyParts
from gateway.api.pages.routes import login_routes, own_key_routes, setup_routes
from gateway.api.pages.setup import SetupPages, SetupParts
from gateway.api.rest.route import Route
from gateway.api.rest.users import user_routes
from gateway.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Consenting:
    """All that has to do with people.

    Attributes:
        users: whom there is.
        first_admin: the code for the first of them; see to it at the start (``FirstAdmin.begin``).
        routes: of the API.
    """

    users: Users
    first_admin: FirstAdmin
    routes: tuple[Route, ...]


def consenting(
    grounds: Grounds,
    access: Access,
    state: Path,
    settings: Callable[[], Settings],
    *,
    hasher: Hasher | None = None,
    monotonic: Callable[[], float] = trio.current_time,
) -> Consenting:
    """Build it all, and make it known to what is there already. Call it inside the run loop, with the facts loaded.

    Args:
        grounds: what it stands on.
        access: programs, and the endpoints where they get tokens.
        state: the state directory.
        settings: in force.
        hasher: of passwords; None: the real one.
        monotonic: seconds of a clock that never goes back.
    """
    agents, timeline, audit = grounds.agents, grounds.timeline, grounds.audit
    facts = agents.facts
    users = Users(facts, timeline.now, ROLES)

    def told() -> None:
        # Whoever remembers what a token allows listens there.
        for tell in agents.revocations.changed:
            tell()

    # Before all others: what a person had counts no more when they look.
    users.ended.append(lambda user: access.voids.end(subject_of(user.id)))
    users.changed.append(told)

    def standing(id_: str) -> Standing | None:
        user = users.known(id_)
        return None if user is None or user.disabled else Standing(user.roles, scopes_of(user.roles))

    access.subjects.know("user", standing)
    families = Families(
        facts,
        users,
        epoch=access.voids.epoch,
        wall=timeline.now,
        synchronised=lambda: timeline.era.synchronised,
        lifetimes=lambda: Lifetimes(idle=settings().access.refresh_idle, longest=settings().access.refresh_longest),
    )
    families.ended.append(lambda family: access.voids.end_grant(family.id))
    codes = Codes(monotonic)
    refreshing = RefreshGrant(families, facts, audit)
    access.grants["authorization_code"] = CodeGrant(codes, families, users, facts, audit)
    access.grants["refresh_token"] = refreshing
    access.others.append(refreshing)

    passwords = hasher or Passwords()
    first_admin = FirstAdmin(state, facts, users)
    people, sessions = People(users, passwords, first_admin, facts), Sessions(users, monotonic)
    people.left.append(lambda user: access.keys.end_of(subject_of(user)))
    name = settings().gateway.name

    def enabled() -> bool:
        return settings().access.login

    pages = LoginPages(
        LoginParts(
            client=access.clients.find,
            sign_in=SignIn(users, passwords, audit, monotonic),
            sessions=sessions,
            codes=codes,
            audit=audit,
            gateway=name,
            enabled=enabled,
        )
    )
    setup = SetupPages(
        SetupParts(
            people=people,
            administered=lambda: users.administered,
            sessions=sessions,
            audit=audit,
            gateway=name,
            enabled=enabled,
        )
    )
    keys = KeyPages(
        KeyParts(
            keys=access.keys,
            sessions=sessions,
            sign_in=pages.sign_in_form,
            timeline=timeline,
            audit=audit,
            gateway=name,
            enabled=enabled,
        )
    )
    return Consenting(
        users=users,
        first_admin=first_admin,
        routes=(*login_routes(pages), *own_key_routes(keys), *setup_routes(setup), *user_routes(people)),
    )
