"""What comes before the gateway runs: the state directory in our hands, the test profile."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.api.asgi import Application
from gateway.api.seed_paths import method_of
from gateway.core import rfc3339
from gateway.core.ports import Json
from gateway.state_lock import LOCK_FILE, take

log = structlog.stdlib.get_logger(__name__)


class StartError(Exception):
    """The gateway cannot start; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class CutShort:
    """The run before this one did not end in order: it was killed, or the power failed.

    Attributes:
        since: when it had started, Unix seconds by the clock of that time; None where that cannot be.
    """

    since: float | None

    @property
    def details(self) -> dict[str, Json]:
        """As the row of the start in the audit log has it."""
        return {"lastRun": "cut short", "lastRunSince": None if self.since is None else rfc3339.text(self.since)}


def tell_of_cut(cut_short: CutShort, flush_interval: float) -> None:
    """Tell the log that the run before was cut short, and what that may have cost (docs/storage.md).

    Args:
        cut_short: what is known of it.
        flush_interval: seconds that history may wait in memory.
    """
    words = (
        "the run before this one did not end in order: it was killed, or the power failed. What was not on disk yet is "
        f"lost: up to {flush_interval:g} s of history (more where the write budget was short), and a minute of last "
        "values"
    )
    log.warning(
        words,
        ran_since="not known" if cut_short.since is None else rfc3339.text(cut_short.since),
    )


@contextmanager
def owned(
    state: Path, config: Path, marks: Mapping[str, str], wall: Callable[[], float] = time.time
) -> Iterator[CutShort | None]:
    """Hold the state directory for this process; the file also tells ``ferrule reload`` whom to call, and of what.

    Who ends in order empties the file: so what stands in one that nobody holds was left by a run that did not.

    Args:
        state: the state directory; made where it is missing.
        config: the configuration this process runs with.
        marks: of the sections that count until the next start (``settings.compare.marks``).
        wall: Unix seconds.

    Yields:
        What is known of the run before, where that was cut short.

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
            take(descriptor)
        except OSError:
            raise StartError(f"{state} is in use by another gateway: stop that one, or name another --state") from None
        cut_short = _cut_short(descriptor, wall())
        _say(
            descriptor,
            b"%d\n%b\n%b\n" % (os.getpid(), os.fsencode(config.absolute()), json.dumps(dict(marks)).encode()),
        )
        try:
            yield cut_short
        finally:
            # One that could not start, or fell over something, came by here as well: nothing was cut short.
            _say(descriptor, b"")
    finally:
        os.close(descriptor)


def _cut_short(descriptor: int, now: float) -> CutShort | None:
    left = os.fstat(descriptor)
    if left.st_size == 0:
        return None
    # It is written once, at the start.
    return CutShort(left.st_mtime if left.st_mtime <= now else None)


def _say(descriptor: int, words: bytes) -> None:
    # A disk that cannot keeps no gateway from starting. One that is full takes what fits over what stands there.
    with suppress(OSError):
        os.truncate(descriptor, os.pwrite(descriptor, words, 0))
        # A power cut soon after must not bring the words of before back.
        os.fsync(descriptor)


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
