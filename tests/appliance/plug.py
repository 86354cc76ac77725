"""A card that can lose its power: a network block device over an image, for QEMU to take as its disk.

An emulator that is killed keeps all that was ever written. Here what was not flushed is kept apart, and a cut takes
of it what it likes (:mod:`.volatile`).

The protocol is NBD's newstyle handshake and its simple replies, one client at a time, over a Unix socket:
https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .volatile import SECTOR, Lost, Volatile

_HELLO = struct.Struct(">QQH")
_OPTION = struct.Struct(">QII")
_ANSWER = struct.Struct(">QIII")
_REQUEST = struct.Struct(">IHHQQI")
_REPLY = struct.Struct(">IIQ")
_NBDMAGIC, _IHAVEOPT, _ANSWER_MAGIC = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
# Of the handshake: fixed newstyle, no zeroes behind it. Of the export: has flags, takes flush, takes FUA.
_FIXED_NO_ZEROES = 0b11
_EXPORT_FLAGS = 0b1101
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7
_ACK, _INFO_ANSWER, _UNSUPPORTED = 1, 3, 0x80000001
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_FUA = 1
_EINVAL = 22
_LARGEST = 32 * 1024 * 1024


class _File:
    """An image, as the medium."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size

    def read(self, at: int, size: int) -> bytes:
        return os.pread(self._file, size, at).ljust(size, b"\0")

    def write(self, at: int, data: bytes) -> None:
        os.pwrite(self._file, data, at)

    def close(self) -> None:
        os.close(self._file)


class Plug:
    """The power of one card, until it is cut.

    Args:
        image: the card; its size is a multiple of 512 bytes.
        chance: decides what a cut takes.

    Attributes:
        lost: what the cut took; None until then.
    """

    def __init__(self, image: Path, chance: random.Random) -> None:
        self._medium = _File(image)
        self._card = Volatile(self._medium)
        self._chance = chance
        self._hand = threading.Lock()
        self._client: socket.socket | None = None
        self.lost: Lost | None = None

    def cut(self) -> Lost:
        """Pull it. Nothing is answered from here on, and the image is what the card would hold."""
        with self._hand:
            if self.lost is None:
                self.lost = self._card.cut(self._chance)
                self._medium.close()
                if self._client is not None:
                    # It may have gone by itself.
                    with suppress(OSError):
                        self._client.shutdown(socket.SHUT_RDWR)
            return self.lost

    def serve(self, client: socket.socket) -> None:
        """Be the disk of a client, until it goes or the plug is pulled."""
        with client, suppress(ConnectionError):
            with self._hand:
                if self.lost is not None:
                    return
                self._client = client
            if self._greet(client):
                while self._one(client):
                    pass

    def _greet(self, client: socket.socket) -> bool:
        client.sendall(_HELLO.pack(_NBDMAGIC, _IHAVEOPT, _FIXED_NO_ZEROES))
        _take(client, 4)
        while True:
            _, option, size = _OPTION.unpack(_take(client, _OPTION.size))
            _take(client, size)
            if option == _EXPORT_NAME:
                client.sendall(struct.pack(">QH", self._medium.size, _EXPORT_FLAGS))
                return True
            if option in {_GO, _INFO}:
                export = struct.pack(">HQH", 0, self._medium.size, _EXPORT_FLAGS)
                block = struct.pack(">HIII", 3, SECTOR, 4096, _LARGEST)
                for about in (export, block):
                    _answer(client, option, _INFO_ANSWER, about)
                _answer(client, option, _ACK)
                if option == _GO:
                    return True
            elif option == _ABORT:
                _answer(client, option, _ACK)
                return False
            else:
                _answer(client, option, _UNSUPPORTED)

    def _one(self, client: socket.socket) -> bool:
        """One request; whether more may come."""
        magic, flags, kind, cookie, at, size = _REQUEST.unpack(_take(client, _REQUEST.size))
        if magic != _REQUEST_MAGIC or kind == _DISCONNECT:
            return False
        data = _take(client, size) if kind == _WRITE else b""
        with self._hand:
            if self.lost is not None:
                return False
            error, data = self._do(kind, at, size, data, through=bool(flags & _FUA))
        client.sendall(_REPLY.pack(_REPLY_MAGIC, error, cookie) + data)
        return True

    def _do(self, kind: int, at: int, size: int, data: bytes, *, through: bool) -> tuple[int, bytes]:
        whole = at % SECTOR == 0 and size % SECTOR == 0 and at + size <= self._medium.size and size <= _LARGEST
        if kind == _FLUSH:
            self._card.flush()
        elif kind == _READ and whole:
            return 0, self._card.read(at, size)
        elif kind == _WRITE and whole:
            self._card.write(at, data, through=through)
        else:
            return _EINVAL, b""
        return 0, b""


@contextmanager
def plugged(image: Path, address: Path, chance: random.Random) -> Iterator[Plug]:
    """A card with power, for one client, until the block ends: then the plug is pulled.

    Args:
        image: the card.
        address: of the Unix socket to listen at; what is there goes.
        chance: decides what a cut takes.
    """
    plug = Plug(image, chance)
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(address))
        door.listen(1)

        def wait() -> None:
            with suppress(OSError):
                plug.serve(door.accept()[0])

        server = threading.Thread(target=wait, daemon=True)
        server.start()
        try:
            yield plug
        finally:
            plug.cut()
            # Who never had a client waits at the door.
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            server.join()
            address.unlink(missing_ok=True)


def _take(client: socket.socket, size: int) -> bytes:
    """So many bytes.

    Raises:
        ConnectionError: the client went before.
    """
    found = bytearray(size)
    view, done = memoryview(found), 0
    while done < size:
        got = client.recv_into(view[done:])
        if got == 0:
            raise ConnectionError("it went")
        done += got
    return bytes(found)


def _answer(client: socket.socket, option: int, kind: int, data: bytes = b"") -> None:
    client.sendall(_ANSWER.pack(_ANSWER_MAGIC, option, kind, len(data)) + data)
