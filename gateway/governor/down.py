"""What to look at where a line is down: that depends on what the line runs over, and on why it is down."""

from __future__ import annotations

from gateway.core.steering import LineGlance

# By the reasons of ``LinkDown``; what is not here can be anything.
_SERIAL = {
    "not_found": "is its adapter plugged in, and is the path right? ferrule doctor lists the ports that are there",
    "hung_up": "its adapter was unplugged or lost its supply: check its plug, its cable and the USB hub",
    "permission": "this user may not open the port: ferrule doctor says which group is missing",
    "busy": "another program has the port: end it, or take the port from it (ferrule doctor)",
    "settings": "the port cannot do what the configuration asks: check its path, baudrate, parity and stopbits",
    "stuck": "the port takes no more bytes: check its adapter, and hardware handshake that nobody answers",
}
_NETWORK = {
    "not_found": "the name of the host is not known: check host in the configuration, and this board's name service",
    "refused": "the host is there, but nobody accepts connections on that port: check tcp_port, whether "
    "the server of the device runs, and whether the device takes one more client",
    "unreachable": "the host cannot be reached: check network cable, switch, address, and power of the device",
    "reset": "the host breaks the connection: it may have started anew, or take no more clients",
    "closed": "the host ends the connection: it may take no more clients, or end what is idle",
    "permission": "this board may not connect there: look at its firewall rules",
    "stuck": "the host takes no more bytes and may hang: switch it off and on",
    "error": "check host and tcp_port, and whether another protocol than Modbus is served there",
}
_ANY_SERIAL = "check its adapter and cable"
_ANY_NETWORK = "check the network between this board and the device"


def advice(line: LineGlance) -> str:
    """Where to look first, as the end of a sentence."""
    known, otherwise = (_NETWORK, _ANY_NETWORK) if line.network else (_SERIAL, _ANY_SERIAL)
    return known.get(line.reason or "", otherwise)


def why(line: LineGlance) -> str:
    """The reason in brackets behind the place: ``10.0.0.5:502, refused``."""
    return ", ".join(part for part in (line.place, line.reason or "no reason known") if part)
