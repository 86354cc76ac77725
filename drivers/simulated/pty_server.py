"""Simulated devices behind a real pseudo-terminal, for programs that want a serial port."""

import os
import tty
from collections.abc import Iterable, Mapping
from pathlib import Path

import trio

from drivers.simulated.bus import Bus, NetworkBus, SerialBus
from drivers.simulated.claim import claimed
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, WireFaults
from drivers.simulated.framing import AsciiFraming, RtuFraming
from drivers.simulated.pump import Plug, pump
from drivers.simulated.stations import Stations
from drivers.simulated.wire import NetworkWire, SerialWire


class PtyServer:
    """Devices on a serial wire whose other end is a pseudo-terminal.

    Attributes:
        link: the symbolic link under which the terminal is found, as a USB adapter is below /dev/serial/by-id.
        stations: the devices, their faults and the event counts.
        plug: pull it and the terminal hangs up; put it back and a new one appears under the same link.
    """

    def __init__(
        self,
        link: Path,
        devices: Iterable[SimulatedDevice],
        wire: SerialWire | None = None,
        faults: Mapping[int, DeviceFaults] | None = None,
        *,
        wire_faults: WireFaults | None = None,
        ascii_framing: bool = False,
        instant: bool = False,
        seed: int = 0,
    ) -> None:
        """Describe the line.

        Args:
            link: where to put the symbolic link; its directory is made when missing.
            devices: who listens.
            wire: the timing to imitate, within a millisecond or so.
            faults: by unit.
            wire_faults: echo, noise and unplug windows.
            ascii_framing: speak Modbus ASCII instead of RTU.
            instant: no wire time at all; the devices' own turnaround remains.
            seed: replays the faults.
        """
        self.link = link
        self.plug = Plug()
        framing = AsciiFraming() if ascii_framing else RtuFraming()
        self.stations = Stations(devices, framing, faults=faults, seed=seed)
        self._windows = wire_faults.unplugged if wire_faults is not None else ()
        self._bus: Bus = (
            NetworkBus(NetworkWire(0.0), self.stations)
            if instant
            else SerialBus(wire or SerialWire(), self.stations, faults=wire_faults, seed=seed)
        )
        self._epoch = 0.0

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; started when the link is there.

        Raises:
            LinkTakenError: another server has put its link there.
        """
        self._epoch = trio.current_time()
        ready = trio.Event()

        async def while_plugged() -> None:
            await self._serve_terminal(ready)

        with claimed(self.link):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.plug.run, while_plugged)
                nursery.start_soon(self.plug.follow, self._windows, self._epoch)
                await ready.wait()
                task_status.started()

    async def _serve_terminal(self, ready: trio.Event) -> None:
        # The server holds the slave, too: without any user of it, reading the master fails.
        master, slave = os.openpty()
        target = os.ttyname(slave)
        try:
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._put_link(target)
            self._bus.clear(trio.current_time() - self._epoch)
            ready.set()
            await pump(master, self._bus, self._epoch)
        finally:
            # Somebody may have put another link there by hand.
            if self.link.is_symlink() and str(self.link.readlink()) == target:
                self.link.unlink(missing_ok=True)
            trio.lowlevel.notify_closing(master)
            os.close(slave)
            os.close(master)

    def _put_link(self, target: str) -> None:
        self.link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.link.with_name(self.link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(self.link)  # in one step: nobody meets a missing or half-made link
