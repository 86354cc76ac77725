"""Which generation of token keys counts: one small file beside the root key (D-045).

A second number beside it counts how often the tokens of operators alone were ended; nobody writes a 0 there.

The numbers are no secret; the keys are derived from the root key and them. They only ever grow: the gateway remembers
in its database which counted last, so that a file that was lost brings no key back.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import NamedTuple

from gateway.access.files import keep_aside, replace

GENERATION_FILE = "root.generation"
# Far more than anybody rotates; a longer number is no number of ours.
_DIGITS = 10
_FORM = re.compile(rb"([0-9]{1,10})(?: ([0-9]{1,10}))?")
_FARTHEST = 2**20
# Where nobody knows which generations there were, the next one is beyond all that rotation gets to, and elsewhere each
# time: 4096 times ``end_all`` at the least lie before it, and no two that were made so fall together.
_UNKNOWN = 2**32


class GenerationError(Exception):
    """The file is damaged; the text says what to do."""


class Generation(NamedTuple):
    """Which keys count.

    Attributes:
        number: of the keys of all tokens.
        operators: how often those of operators alone were ended.
    """

    number: int = 0
    operators: int = 0


def read_generation(state: Path) -> Generation:
    """The generation of a state directory; the first where keys were never rotated.

    Raises:
        GenerationError: the file holds no generation.
        OSError: it cannot be read.
    """
    path = state / GENERATION_FILE
    try:
        found = _FORM.fullmatch(path.read_bytes()[: 2 * _DIGITS + 3].strip())
    except FileNotFoundError:
        return Generation()
    if found is None:
        raise GenerationError(
            f"{path} does not hold the number of a generation of token keys: put it back from a backup, or restart the "
            "gateway, which begins anew"
        )
    return Generation(int(found[1]), int(found[2] or 0))


def end_operators(state: Path) -> Generation:
    """End all tokens of operators, and no others. Returns what counts now.

    Raises:
        GenerationError: the file there is damaged.
        OSError: it cannot be read or written.
    """
    now = read_generation(state)
    # As far as nobody gets by hand, and elsewhere each time: see ``rotate``.
    return _write(state, now._replace(operators=now.operators + 1 + secrets.randbelow(_FARTHEST)))


def rotate(state: Path, *, end_all: bool = False) -> Generation:
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
    now = read_generation(state)
    return _write(state, now._replace(number=now.number + (2 + secrets.randbelow(_FARTHEST) if end_all else 1)))


def begin_anew(state: Path, now: float) -> tuple[Generation, Path]:
    """Write a generation that never was in use in the place of a damaged file: no key of before is good again.

    Returns that generation, and the second name the file is kept under.

    Args:
        state: the state directory.
        now: Unix seconds, for the second name.
    """
    kept = keep_aside(state / GENERATION_FILE, now)
    return _write(state, Generation(_UNKNOWN + secrets.randbelow(_UNKNOWN))), kept


def recover(state: Path, newest: Generation, now: float) -> Generation:
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
    return _write(state, newest)


def _write(state: Path, generation: Generation) -> Generation:
    operators = f" {generation.operators}" if generation.operators else ""
    # Readable for all: whoever rotates may be root, and the gateway's user has to read it.
    replace(state / GENERATION_FILE, f"{generation.number}{operators}\n".encode(), 0o644)
    return generation
