"""What a program asks a person for (RFC 6749, 4.1.1): read, and held against what the program may ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.access.authorization.pkce import METHOD, is_challenge
from gateway.access.authorization.redirects import chosen
from gateway.access.jws import PLUGIN_API
from gateway.access.oauth.grant import Client

LONGEST_STATE = 1024
# RFC 8707: it alone may stand there more than once.
_REPEATED = frozenset({"resource"})

Parameters = Sequence[tuple[str, str]]


class Unproven(Exception):  # noqa: N818 - a word for what the request is
    """Nobody may be sent anywhere: who asks, or where to, is not proven. The text is for the person."""


class Declined(Exception):  # noqa: N818 - a word for what became of the request
    """The browser is sent back with an error (RFC 6749, 4.1.2.1).

    Attributes:
        uri: proven.
        state: as it came; None: there was none.
        error: one of the words of RFC 6749, 4.1.2.1 or RFC 8707, 2.
        description: for who writes the program.
    """

    def __init__(self, uri: str, state: str | None, error: str, description: str) -> None:
        super().__init__(description)
        self.uri = uri
        self.state = state
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request that can be put to a person.

    Attributes:
        client: who asks.
        redirect_uri: where the answer goes; proven.
        redirect_given: it stood in the request, so that it has to stand in that for the token too.
        state: is given back as it came.
        challenge: of PKCE.
        scope: as it was asked for; None: all the program may have.
        audience: path families the token is to be good for.
    """

    client: Client
    redirect_uri: str
    redirect_given: bool
    state: str | None
    challenge: str
    scope: str | None
    audience: frozenset[str]


# The client of an id, disabled ones too; None where there is none.
FindClient = Callable[[str], Client | None]
# The path families that ``resource`` parameters name (RFC 8707); None: one of them is none of ours.
ReadAudience = Callable[[list[str]], frozenset[str] | None]


def read(parameters: Parameters, find: FindClient, audience: ReadAudience) -> AuthorizationRequest:
    """Read a request. Parameters that are not known are ignored (RFC 6749, 3.1).

    Args:
        parameters: as they came, in their order.
        find: the client of an id.
        audience: reads ``resource``.

    Raises:
        Unproven: it cannot be told who asks, or where to.
        Declined: that is proven, but not this.
    """
    # An empty parameter counts as left out (RFC 6749, 3.1).
    given = [(name, value) for name, value in parameters if value]
    counted = Counter(name for name, _ in given)
    values = dict(given)
    client = _client(values, counted, find)
    uri = _redirect_uri(client, values, counted)
    state = values.get("state") if counted["state"] == 1 else None

    def decline(error: str, description: str) -> Declined:
        return Declined(uri, state, error, description)

    if state is not None and len(state) > LONGEST_STATE:
        raise Declined(uri, None, "invalid_request", f"state is longer than {LONGEST_STATE} characters")
    for name, number in counted.items():
        if number > 1 and name not in _REPEATED:
            raise decline("invalid_request", f"{name[:64]} stands there more than once")
    _check_form(values, decline)
    resources = [value for name, value in given if name == "resource"]
    named = audience(resources)
    if named is None:
        raise decline("invalid_target", "resource names what this gateway does not have: /v1 or /api/v1 of it")
    return AuthorizationRequest(
        client=client,
        redirect_uri=uri,
        redirect_given="redirect_uri" in values,
        state=state,
        challenge=values["code_challenge"],
        scope=values.get("scope"),
        audience=named or frozenset({PLUGIN_API}),
    )


def _client(values: Mapping[str, str], counted: Counter[str], find: FindClient) -> Client:
    if counted["client_id"] != 1:
        raise Unproven("The link that brought you here does not say, or says twice, which program sent you.")
    client = find(values["client_id"])
    if client is None:
        raise Unproven("The program that sent you here is not registered with this gateway.")
    if client.disabled:
        raise Unproven("The program that sent you here may not use this gateway any more.")
    if not client.redirect_uris:
        raise Unproven("The program that sent you here is not registered for people to sign in to.")
    return client


def _redirect_uri(client: Client, values: Mapping[str, str], counted: Counter[str]) -> str:
    if counted["redirect_uri"] > 1:
        raise Unproven("The link that brought you here says twice where to send you back to.")
    uri = chosen(client.redirect_uris, values.get("redirect_uri"))
    if uri is None:
        raise Unproven(
            "The link that brought you here would send you on to an address that was not registered for this program."
        )
    return uri


def _check_form(values: Mapping[str, str], decline: Callable[[str, str], Declined]) -> None:
    if "response_type" not in values:
        raise decline("invalid_request", "response_type is missing: code")
    if values["response_type"] != "code":
        raise decline("unsupported_response_type", "response_type must be code; there is no other here")
    if values.get("response_mode", "query") != "query":
        raise decline("invalid_request", "response_mode must be query, or left out")
    if "code_challenge" not in values:
        raise decline("invalid_request", "code_challenge is missing: PKCE is required (RFC 7636)")
    if values.get("code_challenge_method") != METHOD:
        raise decline("invalid_request", "code_challenge_method must be S256")
    if not is_challenge(values["code_challenge"]):
        raise decline("invalid_request", "code_challenge is no SHA-256 in base64url without padding")
