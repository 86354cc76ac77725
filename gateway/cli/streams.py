"""Standard input, output and error: there whatever the caller left of them, and able to take every text."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys

from gateway.outlet import Outlet

_NAMES = ("stdin", "stdout", "stderr")
# How writing fails on a file that is open; files with a name are told of by it.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def is_unicode(stream: object) -> bool:
    """Whether a stream takes every letter."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return str(encoding).lower().replace("-", "").replace("_", "") == "utf8"


def settle() -> None:
    """Open those the caller has closed, and let no letter that the terminal does not know end a command.

    What is opened next would get the number of one that is closed, and whatever is printed would go there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < len(_NAMES):
        # Programs that are started inherit these three.
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, name in enumerate(_NAMES):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if not is_unicode(stream):
            stream.reconfigure(errors="replace")
        elif stream.errors == "strict":
            # Of what is no text, such as some names of files, JSON can carry this spelling too.
            stream.reconfigure(errors="backslashreplace")


def tells_of_output(error: OSError) -> bool:
    """Whether an error may be that of writing to an output: nothing that has a name, and it takes no more."""
    return error.filename is None and error.errno in _FULL


def give_up_output() -> None:
    """Print nothing more. Python would try what is left once more at the end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(*lines: str) -> None:
    """Print lines that nobody may wait for: whoever does not take them ends nothing, and holds nothing up."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        outlet = Outlet(sys.stdout, lambda number, _: f"{number} lines were not taken")
        for line in lines:
            outlet.put(line)
