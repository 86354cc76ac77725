"""What comes before the gateway runs: the state directory in our hands, the test profile, memory given back."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from gateway.api.asgi import Application
from gateway.api.seed_paths import method_of

log = structlog.stdlib.get_logger(__name__)

LOCK_FILE = "lock"


class StartError(Exception):
    """The gateway cannot start; the text says why and what to do."""


@contextmanager
def owned(state: Path, config: Path) -> Iterator[None]:
    """Hold the state directory for this process; the file also tells ``ferrule reload`` whom to call, and of what.

    Raises:
        StartError: another gateway has it, or it cannot be made.
    """
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StartError(f"{state}: {error.strerror}. Name a directory this user may write to: --state DIR") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"{state} is in use by another gateway: stop that one, or name another --state") from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n{config.absolute()}\n".encode())
        yield
        os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


def test_profile(bind: str) -> Callable[[Application], Application]:
    """What stands before the API: nothing, unless the environment asks for the test profile.

    Raises:
        StartError: it does, but others than programs on this machine could reach it.
    """
    if os.environ.get("FERRULE_TEST_PROFILE", "") in {"", "0"}:
        return lambda api: api
    from gateway.api.test_profile.profile import TestProfile, only_loopback  # noqa: PLC0415 - nowhere but in tests

    if not only_loopback(bind):
        raise StartError(
            f'FERRULE_TEST_PROFILE is for loopback only, and [server] bind = "{bind}" is more. Remove it from the '
            'environment, or set bind = "127.0.0.1"'
        )
    log.warning("test profile: this gateway echoes, and refuses to send what does not keep to its model")
    return lambda api: TestProfile(api, method_of)


def settle_memory() -> None:
    """What was built so far lives as long as the process; what building it left behind goes back to the system."""
    gc.collect()
    # The collector need not look at it again: a full collection would stop the lines for milliseconds.
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
