"""Where a call comes from: who, from which address, and with which words of the agent's own beside it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.api.asgi import Scope, header
from gateway.core.errors import Code, GatewayError
from gateway.core.network import AddressKind, classify
from gateway.core.principal import Principal

# Who calls; or, where no good token came, the error that everything but an open method is answered with.
Caller = Principal | GatewayError

AGENT_ID = b"x-agent-id"
SIGNATURE = b"x-agent-signature"


def bearer_token(scope: Scope) -> str:
    """The token of a request.

    Raises:
        GatewayError: UNAUTHENTICATED, there is not exactly one.
    """
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        raise GatewayError(Code.UNAUTHENTICATED, "no token: send Authorization: Bearer TOKEN")
    scheme, _, token = given[0].partition(b" ")
    if len(given) > 1 or scheme.lower() != b"bearer":
        raise GatewayError(Code.UNAUTHENTICATED, "send one Authorization header: Bearer TOKEN")
    return bytes(token).strip().decode("latin-1")


def header_text(scope: Scope, name: bytes) -> str | None:
    """The text of a header, None where it is missing.

    Raises:
        GatewayError: INVALID, it stands more than once.
    """
    value = header(scope, name)
    if value is not None:
        return value.decode("latin-1")
    if any(given == name for given, _ in scope["headers"]):
        shown = name.decode().title().replace("Id", "ID")
        raise GatewayError(Code.INVALID, f"send {shown} once", field=shown)
    return None


def peer_of(scope: Scope) -> str:
    """The address a request comes from; empty where the server does not know it."""
    return str(scope["client"][0]) if scope.get("client") else ""


def on_this_machine(address: str) -> bool:
    """Whether an address is one of this machine's own that nobody else can use."""
    try:
        return classify(address).kind is AddressKind.LOOPBACK
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Origin:
    """What a method is told that asks who calls.

    Attributes:
        caller: who calls, or what is wrong with the token.
        scope: of the request.
    """

    caller: Caller
    scope: Scope

    @property
    def principal(self) -> Principal:
        """Who calls.

        Raises:
            GatewayError: nobody who was verified.
        """
        if isinstance(self.caller, GatewayError):
            raise self.caller
        return self.caller

    @property
    def known(self) -> Principal | None:
        """Who calls, None where nobody was verified."""
        return None if isinstance(self.caller, GatewayError) else self.caller

    @property
    def peer(self) -> str:
        """The address it comes from."""
        return peer_of(self.scope)

    @property
    def local(self) -> bool:
        """Whether it comes from this machine."""
        return on_this_machine(self.peer)

    @property
    def here(self) -> str | None:
        """The URL of this gateway at the address that was called; None where the server does not know it."""
        server = self.scope.get("server")
        if not server:
            return None
        host, port = server[0], server[1]
        name = f"[{host}]" if ":" in host else host
        return f"https://{name}:{port}" if port else f"https://{name}"

    @property
    def token(self) -> str:
        """The bearer token. Raises as ``bearer_token``."""
        return bearer_token(self.scope)

    @property
    def agent_id(self) -> str | None:
        """``X-Agent-ID``. Raises as ``header_text``."""
        return header_text(self.scope, AGENT_ID)

    @property
    def signature(self) -> str | None:
        """``X-Agent-Signature``. Raises as ``header_text``."""
        return header_text(self.scope, SIGNATURE)
