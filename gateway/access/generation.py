"""Which generation of token keys counts: one small file beside the root key (D-045).

The number is no secret; the keys are derived from the root key and it. It only ever grows: the gateway remembers in its
database which one counted last, so that a file that was lost brings no key back.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from gateway.access.files import keep_aside, replace

GENERATION_FILE = "root.generation"
# Far more than anybody rotates; a longer number is no number of ours.
_DIGITS = 10
_FARTHEST = 2**20
# Where nobody knows which generations there were, the next one is beyond all that rotation gets to, and elsewhere each
# time: 4096 times ``end_all`` at the least lie before it, and no two that were made so fall together.
_UNKNOWN = 2**32


class GenerationError(Exception):
    """The file is damaged; the text says what to do."""


def read_generation(state: Path) -> int:
    """The generation of a state directory; 0 where keys were never rotated.

    Raises:
        GenerationError: the file holds no generation.
        OSError: it cannot be read.
    """
    path = state / GENERATION_FILE
    try:
        text = path.read_bytes()[: _DIGITS + 2].strip()
    except FileNotFoundError:
        return 0
    if not (text.isdigit() and len(text) <= _DIGITS):
        raise GenerationError(
            f"{path} does not hold the number of a generation of token keys: put it back from a backup, or restart the "
            "gateway, which begins anew"
        )
    return int(text)


def rotate(state: Path, *, end_all: bool = False) -> int:
    """Go on to another generation: new tokens get a new key. Returns the generation that counts now.

    Args:
        state: the state directory.
        end_all: no token given out before is good any more; otherwise those of the generation before are. After the
            restore of a backup nobody knows which generations there were since, so it leaps farther than anybody
            rotates, and elsewhere each time.

    Raises:
        GenerationError: the file there is damaged.
        OSError: it cannot be read or written.
    """
    generation = read_generation(state) + (2 + secrets.randbelow(_FARTHEST) if end_all else 1)
    _write(state, generation)
    return generation


def begin_anew(state: Path, now: float) -> tuple[int, Path]:
    """Write a generation that never was in use in the place of a damaged file: no key of before is good again.

    Returns that generation, and the second name the file is kept under.

    Args:
        state: the state directory.
        now: Unix seconds, for the second name.
    """
    kept = keep_aside(state / GENERATION_FILE, now)
    generation = _UNKNOWN + secrets.randbelow(_UNKNOWN)
    _write(state, generation)
    return generation, kept


def recover(state: Path, newest: int, now: float) -> int:
    """Mend that the file is behind: what a rotation has ended must not count again. Returns what counts now.

    A file that is gone is written again. One that holds an earlier number was rotated from nothing, or put back from
    somewhere: nobody knows which numbers there were since, so all begins anew.

    Args:
        state: the state directory.
        newest: the generation that is known to have counted.
        now: Unix seconds, for the second name of what is replaced.

    Raises:
        OSError: it cannot be written.
    """
    if (state / GENERATION_FILE).exists():
        return begin_anew(state, now)[0]
    _write(state, newest)
    return newest


def _write(state: Path, generation: int) -> None:
    # Readable for all: whoever rotates may be root, and the gateway's user has to read it.
    replace(state / GENERATION_FILE, f"{generation}\n".encode(), 0o644)
