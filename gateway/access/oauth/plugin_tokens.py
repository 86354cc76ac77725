"""Tokens of plugins: what an installed plugin is outside its sandbox, over HTTP (D-115).

A plugin is its own client: its token stands for nobody else, and ends with its last instance that is to run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from gateway.access.jws import PLUGIN_API
from gateway.access.oauth.access_tokens import AccessToken, AccessTokens
from gateway.access.oauth.grant import Issued, OAuthError
from gateway.access.oauth.subjects import Standing, Subjects
from gateway.access.oauth.voids import Voids
from gateway.core.errors import Code, GatewayError
from gateway.core.plugins import KeptPlugin
from gateway.core.principal import Principal

FAMILY = "plugin"
# The one scope such a token has; of others it is that of who may act as any plugin.
ACT = "plugins:act"
# Who holds it has tokens made for plugins of others.
ADMIN = "plugins:*"
SHORTEST_TTL, LONGEST_TTL = 60, 3600


@dataclass(frozen=True, slots=True)
class PluginToken:
    """A token as it is given out.

    Attributes:
        made: the token.
        permissions: that were granted to instances of the plugin.
    """

    made: AccessToken
    permissions: tuple[str, ...]


class PluginTokens:
    """Gives tokens to plugins. Before it is told of plugins, there are none.

    Args:
        tokens: makes them.
        subjects: learns of plugins here.
        voids: what was ended.
    """

    def __init__(self, tokens: AccessTokens, subjects: Subjects, voids: Voids) -> None:
        self._tokens, self._voids = tokens, voids
        self._find: Callable[[str], Awaitable[KeptPlugin]] = _nobody
        self._granted: Callable[[str], Collection[str] | None] = lambda _: None
        subjects.know(FAMILY, self._standing)

    def know(
        self, find: Callable[[str], Awaitable[KeptPlugin]], granted: Callable[[str], Collection[str] | None]
    ) -> None:
        """Learn of plugins.

        Args:
            find: one by its id; raises NOT_FOUND.
            granted: permissions of those of its instances that are to run; None: there are none.
        """
        self._find, self._granted = find, granted

    async def issue(self, by: Principal, plugin: str, ttl: int) -> PluginToken:
        """Make a token.

        Args:
            by: who wants it: the publisher of the plugin, or an administrator.
            plugin: its id.
            ttl: seconds it lives.

        Raises:
            GatewayError: NOT_FOUND; FORBIDDEN, it is the plugin of another; CONFLICT, no instance of it is to run, or
                it has more permissions than a token can name.
        """
        found = await self._find(plugin)
        if by.subject != found.publisher and not by.may(ADMIN):
            raise GatewayError(Code.FORBIDDEN, f"{plugin} is the plugin of another publisher")
        granted = self._granted(plugin)
        if granted is None:
            words = f"no instance of {plugin} is active: what it may do is what was granted to one. Activate it first"
            raise GatewayError(Code.CONFLICT, words)
        subject = f"{FAMILY}:{plugin}"
        permissions = tuple(sorted(granted))
        issued = Issued(
            subject=subject,
            scopes=frozenset({ACT}),
            resource=frozenset({PLUGIN_API}),
            lifetime=ttl,
            permissions=frozenset(permissions),
        )
        try:
            made = self._tokens.issue(subject, issued)
        except OAuthError:
            words = (
                f"the permissions of {plugin} do not fit into a token: grant fewer, or wider ones with shorter names"
            )
            raise GatewayError(Code.CONFLICT, words) from None
        return PluginToken(made, permissions)

    def look(self, plugin: str) -> None:
        """An instance of a plugin ended or was removed: with the last one all tokens of it end."""
        if self._granted(plugin) is None:
            self._voids.end(f"{FAMILY}:{plugin}")

    def _standing(self, plugin: str) -> Standing | None:
        return None if self._granted(plugin) is None else Standing(frozenset(), frozenset({ACT}))


async def _nobody(plugin: str) -> KeptPlugin:
    raise GatewayError(Code.NOT_FOUND, f"there is no plugin {plugin}")
