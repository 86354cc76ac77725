"""Simulated devices behind a real Modbus TCP server."""

import socket
from collections.abc import Iterable, Mapping

import trio

from drivers.simulated.bus import NetworkBus
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from drivers.simulated.framing import RtuFraming, TcpFraming
from drivers.simulated.pump import Plug, pump
from drivers.simulated.stations import Stations
from drivers.simulated.wire import NetworkWire

# As many as a small device server has sockets; one more waits in the backlog.
_CONNECTIONS = 16


class TcpServer:
    """Devices that share one address; a request to a unit that is not there is refused as gateways do.

    Attributes:
        address: host and port, the port being the real one once `serve` has started.
        stations: the devices, their faults and the event counts.
        plug: pull it and all connections break and new ones are refused, until it is put back.
    """

    def __init__(
        self,
        host: str,
        port: int,
        devices: Iterable[SimulatedDevice],
        faults: Mapping[int, DeviceFaults] | None = None,
        *,
        latency_s: float = 0.0,
        rtu_framing: bool = False,
        unplugged: tuple[Window, ...] = (),
        seed: int = 0,
    ) -> None:
        """Describe the server.

        Args:
            host: address to listen on.
            port: 0 lets the system choose.
            devices: the units.
            faults: by unit.
            latency_s: one way, on top of the network's own.
            rtu_framing: speak RTU over TCP instead of Modbus TCP.
            unplugged: when the server is away.
            seed: replays the faults.
        """
        self.address = (host, port)
        self.plug = Plug()
        self.stations = Stations(devices, RtuFraming() if rtu_framing else TcpFraming(), faults=faults, seed=seed)
        self._wire = NetworkWire(latency_s)
        self._windows = unplugged
        self._epoch = 0.0

    async def serve(self, *, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; started, with the address, when connections are taken.

        Raises:
            OSError: the address cannot be listened on.
        """
        self._epoch = trio.current_time()
        first = [await self._open()]  # outside the nursery: a taken address is an OSError, not a group of one
        ready = trio.Event()

        async def while_plugged() -> None:
            await self._listen(first.pop() if first else await self._open(), ready)

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.plug.run, while_plugged)
                nursery.start_soon(self.plug.follow, self._windows, self._epoch)
                await ready.wait()
                task_status.started(self.address)
        finally:
            for listener in first:
                listener.close()

    async def _open(self) -> trio.socket.SocketType:
        host, port = self.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = trio.socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            await listener.bind((host, port))
            listener.listen()
        except BaseException:
            listener.close()
            raise
        self.address = (host, listener.getsockname()[1])
        return listener

    async def _listen(self, listener: trio.socket.SocketType, ready: trio.Event) -> None:
        room = trio.CapacityLimiter(_CONNECTIONS)
        with listener:
            async with trio.open_nursery() as nursery:
                ready.set()
                while True:
                    connection, _peer = await listener.accept()
                    nursery.start_soon(self._serve_connection, connection, room)

    async def _serve_connection(self, connection: trio.socket.SocketType, room: trio.CapacityLimiter) -> None:
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with room:
                await pump(connection.fileno(), NetworkBus(self._wire, self.stations), self._epoch)
