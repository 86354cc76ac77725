"""What ``ferrule check`` says of the place the gateway listens at, on the machine where it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.core.network import AddressKind, classify, is_bindable
from gateway.settings.model import Settings
from gateway.settings.problems import Place, Problem


def bind_warning(settings: Settings, interfaces: Mapping[str, Sequence[str]]) -> Problem | None:
    """Warn where the gateway would have to wait for its address; None where it would not.

    Args:
        settings: what is asked; ``bind`` has been accepted.
        interfaces: the addresses of this machine by interface, those without one among them.
    """
    bind = settings.server.bind
    if bind in {"localhost", "private"}:
        return None
    words = _address(bind, interfaces) if _is_address(bind) else _interface(bind, interfaces)
    if words is None:
        return None
    place = settings.server.place or Place(str(settings.path), 1, 1)
    return Problem.at(place, f"bind: {words}; it is waited for", "warning")


def _is_address(bind: str) -> bool:
    try:
        classify(bind)
    except ValueError:
        return False
    return True


def _address(bind: str, interfaces: Mapping[str, Sequence[str]]) -> str | None:
    found = classify(bind)
    here = [(address, name) for name, there in sorted(interfaces.items()) for address in there]
    # All of 127.0.0.0/8 is here, though only its first address is listed.
    if found.kind is AddressKind.LOOPBACK or found.address in {address for address, _ in here}:
        return None
    known = _are([f"{address} ({name})" for address, name in here if is_bindable(address)])
    return f"{bind} is no address of this machine now{known}"


def _interface(bind: str, interfaces: Mapping[str, Sequence[str]]) -> str | None:
    if bind not in interfaces:
        return f"there is no interface {bind} here now{_are(sorted(interfaces))}"
    if any(is_bindable(address) for address in interfaces[bind]):
        return None
    has = f"only {', '.join(interfaces[bind])}, which is not private (RFC 1918)" if interfaces[bind] else "no address"
    return f"interface {bind} has {has} now"


def _are(known: list[str]) -> str:
    return f": {', '.join(known)} {'is' if len(known) == 1 else 'are'}" if known else ""
