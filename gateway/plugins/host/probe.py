"""Finds out, once and by trying, what this system has to make a sandbox of."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from subprocess import CalledProcessError

import trio

from gateway.plugins.host.barrier import barrier, barrier_pipe
from gateway.plugins.host.command import bubblewrap, yielding
from gateway.plugins.host.sandbox import Means, Runtime, Sandbox

# Programs are looked for where the sandbox shows them: a Python of somewhere else would not be there inside.
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_PATIENCE_S = 10.0
# Whoever it may be: nobody.
_TRIED_AS = 65534
_SHOWN = 300


async def find_means(which: Callable[[str], str | None] | None = None) -> Means:
    """What there is.

    Args:
        which: finds a program; by default where the system keeps its own.
    """
    which = which or (lambda name: shutil.which(name, path=SYSTEM_PATH))
    means = Means(
        prlimit=which("prlimit"),
        nice=which("nice"),
        choom=which("choom"),
        sh=which("sh"),
        python=which("python3"),
        node=which("node"),
        root=os.geteuid() == 0,
    )
    bwrap = which("bwrap")
    if bwrap is None:
        return replace(means, why="bubblewrap is not installed")
    why = ""
    # What may be missing without much harm is left out first; the rest is a sandbox, or there is none.
    known = barrier(os.uname().machine) is not None
    ways = product((True, False) if known else (False,), (True, False), (means.choom, None))
    for closes, nested, choom in dict.fromkeys(ways):
        tried = replace(means, bubblewrap=bwrap, closes=closes, nested=nested, choom=choom)
        trouble = await _try(tried)
        if trouble is None:
            return tried
        why = why or trouble
    return replace(means, why=f"bubblewrap does not work here: {why}")


async def _try(means: Means) -> str | None:
    """Whether a sandbox comes about with the very words that are used later; None: it does, else why not."""
    place = Path(tempfile.mkdtemp(prefix="ferrule-probe-"))
    try:
        user = _TRIED_AS if means.root else None
        if user is not None:
            os.chown(place, user, user)
        sandbox = Sandbox(
            instance="probe", runtime=Runtime.EXECUTABLE, command=("true",), package=place, data=place, user=user
        )
        with barrier_pipe(closes=means.closes) as pipe:
            closed, passed = ((), ()) if pipe is None else (("--seccomp", str(pipe)), (pipe,))
            words = (*bubblewrap(sandbox, means), *closed, "--", *yielding(means), "/usr/bin/true")
            return await _run(words, user, passed)
    finally:
        os.rmdir(place)  # noqa: PTH106 - an empty directory, in no time


async def _run(words: Sequence[str], user: int | None, passed: Sequence[int]) -> str | None:
    try:
        with trio.fail_after(_PATIENCE_S):
            await trio.run_process(
                list(words),
                stdin=b"",
                capture_stdout=True,
                capture_stderr=True,
                env={},
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                pass_fds=passed,
            )
    except CalledProcessError as error:
        shown: str = error.stderr.decode(errors="replace").strip()[:_SHOWN]
        return shown or f"it ended with {error.returncode}"
    except trio.TooSlowError:
        return f"it did not end within {_PATIENCE_S:g} s"
    except OSError as error:
        return str(error)
    return None
