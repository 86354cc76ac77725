"""The right of one process to put a link: it ends with the process, however that ends, and leaves no file behind."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LinkTakenError(Exception):
    """Somebody else serves this link."""


@contextmanager
def claimed(link: Path) -> Iterator[None]:
    """Hold the right to put this link.

    A lock on the terminal would stand in the way of those who open it, and one on the link's target says nothing: the
    numbers of terminals are given out anew. So it is a name in the abstract namespace (unix(7)).

    Raises:
        LinkTakenError: another server holds it.
    """
    place = link.parent.resolve() / link.name
    name = f"\0ferrule-terminal-{hashlib.sha256(os.fsencode(place)).hexdigest()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as holder:
        try:
            holder.bind(name)
        except OSError as error:
            raise LinkTakenError(f"{link} is served by another process") from error
        yield


def is_free(link: Path) -> bool:
    """Tell whether there is nothing but, perhaps, the link of a server that was killed."""
    if not link.is_symlink():
        return not link.exists()
    return not link.exists() or link.readlink().is_relative_to("/dev/pts")
