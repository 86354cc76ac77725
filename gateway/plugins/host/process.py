"""Starts instances as real processes, and sees that nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
import trio

from gateway.plugins.host.barrier import barrier_pipe
from gateway.plugins.host.command import command, environment, places
from gateway.plugins.host.door import start_unit
from gateway.plugins.host.sandbox import Means, Protection, Sandbox, missing
from gateway.plugins.host.spawning import Spawner
from gateway.plugins.host.usage import Usage, descendants, size_of, started_at, still_runs, tasks_of, usage_of

log = structlog.stdlib.get_logger(__name__)

# Seconds a process that was killed may take to be gone, before the next means.
_GONE_S = 2.0
# Seconds until nothing is left of one that did not come about.
_END_S = 10.0
# Seconds bubblewrap may take to make a sandbox.
_MAKING_S = 20.0
_SHORT = 4096
# Seconds between two looks whether what was killed is gone: of what is no child of ours, nobody tells us.
_LOOK_EVERY_S = 0.01


class Running(Protocol):
    """A process."""

    @property
    def stdin(self) -> trio.abc.SendStream:
        """Takes what is said to it."""
        ...

    @property
    def stdout(self) -> trio.abc.ReceiveStream:
        """Gives what it says."""
        ...

    @property
    def stderr(self) -> trio.abc.ReceiveStream:
        """Gives what it complains of."""
        ...

    async def wait(self) -> int:
        """Its exit code, once it has ended; minus the signal that ended it."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    async def destroy(self) -> None:
        """End it and all it started, whatever they do; returns in bounded time.

        Call it also where it has ended, and shielded: what is left of it is nobody's.
        """
        ...

    def usage(self) -> Usage | None:
        """What it takes; None: it is not there."""
        ...

    async def data_size(self) -> tuple[int, int]:
        """Bytes and number of the files it keeps."""
        ...


class Runner(Protocol):
    """Starts instances."""

    async def look(self) -> None:
        """Find out what there is to start them with, where that is not known yet."""
        ...

    def missing(self, sandbox: Sandbox) -> tuple[Protection, ...]:
        """What an instance will not be protected from."""
        ...

    async def start(self, sandbox: Sandbox) -> Running:
        """Start an instance.

        Raises:
            OSError: it does not start.
            NoRuntimeError: there is nothing to run it with.
        """
        ...


class ProcessRunner:
    """Starts instances with bubblewrap and prlimit, or what there is of them.

    Args:
        means: what there is.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._spawner = Spawner()

    async def look(self) -> None:
        """It is known."""
        await trio.lowlevel.checkpoint()

    def missing(self, sandbox: Sandbox) -> tuple[Protection, ...]:
        """What an instance will not be protected from."""
        return missing(sandbox, self._means)

    async def start(self, sandbox: Sandbox) -> Running:
        """Start an instance."""
        means, user = self._means, sandbox.user
        if means.door is not None:
            return await _in_unit(means.door, sandbox, means)
        inside = means.bubblewrap is not None
        neighbours = tasks_of(os.geteuid()) if user is None and not inside else 0
        told, telling = os.pipe2(os.O_CLOEXEC)
        try:
            with barrier_pipe(closes=means.closes and inside) as barrier:
                process = await self._spawner.spawn(
                    command(sandbox, means, neighbours=neighbours, info=telling, barrier=barrier),
                    cwd=sandbox.package,
                    env={} if inside else dict(environment(sandbox, places(sandbox, means))),
                    user=user,
                    pass_fds=tuple(one for one in (telling, barrier) if one is not None) if inside else (),
                )
        except BaseException:
            os.close(told)
            raise
        finally:
            os.close(telling)
        running = RealProcess(process, sandbox, inside=inside)
        try:
            async with trio.lowlevel.FdStream(told) as stream:
                await running.learn(stream)
        except BaseException:
            with trio.move_on_after(_END_S, shield=True):
                await running.destroy()
            raise
        return running


async def _in_unit(door: Path, sandbox: Sandbox, means: Means) -> Running:
    process = await start_unit(door, sandbox, means)
    running = RealProcess(process, sandbox, inside=True)
    try:
        with trio.move_on_after(_MAKING_S):
            running.lead(await process.first())
    except BaseException:
        with trio.move_on_after(_END_S, shield=True):
            await running.destroy()
        raise
    return running


class Started(Protocol):
    """What was started: a child of ours, or a unit of systemd."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def stdin(self) -> trio.abc.SendStream:
        """Takes what is said to it."""
        ...

    @property
    def stdout(self) -> trio.abc.ReceiveStream:
        """Gives what it says."""
        ...

    @property
    def stderr(self) -> trio.abc.ReceiveStream:
        """Gives what it complains of."""
        ...

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        ...

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


class RealProcess:
    """A process of this system, with what it started.

    Args:
        process: as it was started, leading a session of its own.
        sandbox: what it is.
        inside: it is bubblewrap, whose child is the first process of a namespace.
    """

    def __init__(self, process: Started, sandbox: Sandbox, *, inside: bool) -> None:
        self._process, self._sandbox, self._inside = process, sandbox, inside
        # The first process of its namespace, by a descriptor that means no other, ever.
        self._first: int | None = None
        # Without a namespace: what was seen to come of it, with when that was started.
        self._offspring: dict[int, int] = {}

    async def learn(self, told: trio.abc.ReceiveStream) -> None:
        """Hear from bubblewrap which process it made.

        Raises:
            OSError: it made none; its error stream says why.
        """
        if not self._inside:
            return
        text = b""
        with trio.move_on_after(_MAKING_S):
            while more := await told.receive_some(_SHORT):
                text += more
        self.lead(text)

    def lead(self, text: bytes) -> None:
        """Take what bubblewrap says of the process it made.

        Args:
            text: JSON, as bwrap(1) has it.
        """
        try:
            self._first = os.pidfd_open(int(json.loads(text)["child-pid"]))
        except (ValueError, KeyError, ProcessLookupError):
            # It has ended, or never was: whoever waits for it hears of that.
            log.info("no first process", instance=self._sandbox.instance)

    @property
    def pid(self) -> int:
        """Number of the process that was started."""
        return self._process.pid

    @property
    def stdin(self) -> trio.abc.SendStream:
        """Takes what is said to it."""
        return self._process.stdin

    @property
    def stdout(self) -> trio.abc.ReceiveStream:
        """Gives what it says."""
        return self._process.stdout

    @property
    def stderr(self) -> trio.abc.ReceiveStream:
        """Gives what it complains of."""
        return self._process.stderr

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await self._process.wait()

    def terminate(self) -> None:
        """Ask the plugin's own processes to end; bubblewrap would end without asking them."""
        if self._process.poll() is None:
            depth = 2 if self._inside else 0
            _signal((pid for pid, generation in descendants(self.pid) if generation >= depth), signal.SIGTERM)

    async def destroy(self) -> None:
        """End it and all it started."""
        if self._inside:
            await self._end_namespace()
        else:
            await self._end_group()
        for stream in (self.stdin, self.stdout, self.stderr):
            await trio.aclose_forcefully(stream)

    def usage(self) -> Usage | None:
        """What it takes."""
        usage = usage_of(self.pid)
        if not self._inside:
            self._remember()
        return usage

    async def data_size(self) -> tuple[int, int]:
        """Bytes and number of the files it keeps."""
        most = self._sandbox.bounds.data_files
        return await trio.to_thread.run_sync(size_of, self._sandbox.data, most, abandon_on_cancel=True)

    async def _end_namespace(self) -> None:
        """With the first process of a namespace, the kernel ends all of it before anybody hears of that end.

        Bubblewrap itself ends with the plugin, and not with what the plugin leaves behind.
        """
        if self._first is not None:
            try:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._first, signal.SIGKILL)
                with trio.move_on_after(_GONE_S) as waiting:
                    await trio.lowlevel.wait_readable(self._first)
                if waiting.cancelled_caught:
                    log.warning("a namespace does not end", instance=self._sandbox.instance, pid=self.pid)
            finally:
                os.close(self._first)
                self._first = None
        if self._process.poll() is None and not await self._gone():
            self._process.kill()
            await self._gone()

    async def _end_group(self) -> None:
        self._remember()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        _signal((pid for pid, start in self._offspring.items() if still_runs(pid, start)), signal.SIGKILL)
        user = self._sandbox.user
        if user is not None:
            # Whatever left its group is still of its user, and nobody else is.
            with trio.move_on_after(_GONE_S), suppress(OSError):
                await trio.run_process(
                    ["/bin/sh", "-c", "kill -9 -1"],
                    check=False,
                    env={},
                    user=user,
                    group=user,
                    extra_groups=[],
                )
        await self._gone()
        with trio.move_on_after(_GONE_S):
            while any(still_runs(pid, start) for pid, start in self._offspring.items()):  # noqa: ASYNC110 - no event
                await trio.sleep(_LOOK_EVERY_S)

    def _remember(self) -> None:
        """What leaves its group and its parents can only be found while it still belongs to them."""
        known = {pid: start for pid, start in self._offspring.items() if still_runs(pid, start)}
        if self._process.poll() is None:
            for pid, _ in descendants(self.pid):
                start = started_at(pid)
                if start is not None:
                    known[pid] = start
        self._offspring = known

    async def _gone(self) -> bool:
        with trio.move_on_after(_GONE_S):
            await self._process.wait()
            return True
        log.warning("a process does not end", instance=self._sandbox.instance, pid=self.pid)
        return False


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
