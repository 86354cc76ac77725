"""The root key and the keys made of it: one secret on disk, one key for each purpose (D-030, D-045)."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.access.files import create_private, keep_aside, replace
from gateway.access.generation import GENERATION_FILE, Generation, GenerationError, begin_anew, read_generation, recover
from gateway.core.ports import FactStore

log = structlog.stdlib.get_logger(__name__)

ROOT_KEY_FILE = "root.key"
# The kind and the key of a fact: which generation of token keys counted last.
TOKEN_KEYS, NEWEST = "token_keys", "generation"
# The purpose of the keys that sign operators' tokens.
OPERATORS = "operator-token"
_SIZE = 32
_HASH_SIZE = 32


class KeyFileError(Exception):
    """The root key file cannot be used; the text says why and what to do."""


def hkdf(secret: bytes, *, info: bytes, length: int = _SIZE, salt: bytes = b"") -> bytes:
    """Derive a key from a secret: HKDF with SHA-256 (RFC 5869).

    Args:
        secret: the input keying material.
        info: names the purpose; different purposes give unrelated keys.
        length: bytes wanted, at most 255 x 32.
        salt: not secret; empty means as many zeros as the hash is long (RFC 5869, 2.2).

    Raises:
        ValueError: more bytes wanted than RFC 5869 allows.
    """
    if length > 255 * _HASH_SIZE:
        raise ValueError(f"HKDF gives at most {255 * _HASH_SIZE} bytes, not {length}")
    pseudorandom = hmac.digest(salt or bytes(_HASH_SIZE), secret, "sha256")
    block = output = b""
    for counter in range(1, -(-length // _HASH_SIZE) + 1):
        block = hmac.digest(pseudorandom, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


@dataclass(frozen=True, slots=True)
class PurposeKey:
    """A key for one purpose only.

    Attributes:
        kid: names the key in token headers; derived from it by a hash, so it gives nothing away.
        secret: 32 bytes.
    """

    kid: str
    secret: bytes

    def __repr__(self) -> str:
        return f"PurposeKey(kid={self.kid!r})"


class RootKey:
    """The gateway's one root secret. Nothing is signed with it; keys are derived from it.

    Attributes:
        changed: called when another generation of token keys counts.

    Args:
        secret: 32 bytes.
        generation: of the keys that sign tokens, from 0 (D-045).
        operators: how often those of operators alone were ended.
    """

    def __init__(self, secret: bytes, generation: int = 0, operators: int = 0) -> None:
        self._secret = secret
        self._counts = Generation(generation, operators)
        self._facts: FactStore | None = None
        self.changed: list[Callable[[], None]] = []

    @property
    def generation(self) -> int:
        """Which keys sign tokens now; those of this one and the one before verify them."""
        return self._counts.number

    @property
    def operators(self) -> int:
        """How often the tokens of operators alone were ended."""
        return self._counts.operators

    def key(self, purpose: str) -> PurposeKey:
        """The key for a purpose that outlives all rotation."""
        return self._derive(purpose, purpose)

    def token_keys(self, purpose: str) -> list[PurposeKey]:
        """The keys for a class of tokens, e.g. ``operator-token``: the one that signs, then the one before it."""
        number, operators = self._counts
        ended = f"/{operators}" if operators and purpose == OPERATORS else ""
        return [
            # The first generation is older than rotation, and its tokens stay good.
            self._derive(purpose, f"{purpose}/{generation}{ended}" if generation or ended else purpose)
            for generation in (number, number - 1)
            if generation >= 0
        ]

    def hold(self, state: Path, facts: FactStore, wall: Callable[[], float] = time.time) -> None:
        """Remember from now on which generation counts, and go back behind none that counted in an earlier run.

        Args:
            state: the state directory.
            facts: where it is remembered, beside the file.
            wall: Unix seconds, for the name of a file that is kept aside.
        """
        self._facts = facts
        known = facts.recall(TOKEN_KEYS).get(NEWEST)
        match known:
            case [int(number), int(operators)]:
                newest = Generation(number, operators)
            case _:
                newest = Generation()
        self._step(self._not_behind(state, self._counts, newest, wall))
        if known != list(self._counts):
            facts.remember(TOKEN_KEYS, NEWEST, list(self._counts), urgent=True)

    def follow(self, state: Path, wall: Callable[[], float] = time.time) -> bool:
        """Take up the generation that ``ferrule keys rotate`` left in the state directory. Returns whether it is new.

        A file that cannot be used changes nothing: the keys in use are better than a guess. One that is gone is
        written again; one that holds an earlier number ends all tokens (``generation.recover``).

        Args:
            state: the state directory.
            wall: Unix seconds, for the name of a file that is kept aside.
        """
        try:
            generation = read_generation(state)
        except (GenerationError, OSError) as error:
            log.warning("token keys stay as they are", reason=str(error))
            return False
        if not self._step(self._not_behind(state, generation, self._counts, wall)):
            return False
        log.info("token keys rotated", generation=self.generation, operators=self.operators)
        return True

    def _not_behind(
        self, state: Path, generation: Generation, newest: Generation, wall: Callable[[], float]
    ) -> Generation:
        """The generation to go by, where the file has this one and another counted last."""
        # The generation before still verifies, so one step is not far enough to forget the other number.
        beyond = generation.number > newest.number + 1
        if beyond or (generation.number >= newest.number and generation.operators >= newest.operators):
            return generation
        try:
            now = recover(state, newest, wall())
        except OSError as error:
            # Whatever the file says: no key of before counts again.
            log.warning("the generation of token keys is in memory only", file=GENERATION_FILE, reason=str(error))
            return newest
        if now == newest:
            log.warning("the generation of token keys was written again", file=GENERATION_FILE, reason="it was missing")
        else:
            log.warning(
                "token keys begin anew, far from all there were: all tokens given out are void, issue new ones",
                file=GENERATION_FILE,
                reason=f"it held {generation.number}, but {newest.number} had counted before",
            )
        return now

    def _step(self, generation: Generation) -> bool:
        if generation == self._counts:
            return False
        self._counts = generation
        if self._facts is not None:
            self._facts.remember(TOKEN_KEYS, NEWEST, list(generation), urgent=True)
        for tell in self.changed:
            tell()
        return True

    def agent_secret(self, agent_id: str, kid: str) -> bytes:
        """The secret an agent shares with us: 32 bytes that are kept nowhere and outlive all rotation (ruling 14)."""
        return hkdf(self._secret, info=f"ferrule/1/agent-secret/{kid}/{agent_id}".encode())

    def _derive(self, purpose: str, info: str) -> PurposeKey:
        secret = hkdf(self._secret, info=b"ferrule/1/" + info.encode())
        return PurposeKey(f"{purpose}-{hashlib.sha256(b'kid' + secret).hexdigest()[:12]}", secret)

    @property
    def gateway_id(self) -> str:
        """Names this gateway among all others, e.g. as issuer of its tokens; stable as long as the root key."""
        return "ferrule-" + hkdf(self._secret, info=b"ferrule/1/gateway-id", length=8).hex()


class _DamagedError(KeyFileError):
    """The file holds no key."""


def load_root_key(state: Path, wall: Callable[[], float] = time.time) -> RootKey:
    """Read ``root.key`` in the state directory for a gateway that starts; make one where there is none to be had.

    A gateway must come up after a power cut, whatever that left: a damaged file is kept aside and a new key made. What
    that costs is logged, as it is where the file is missing though a database shows that there was one.
    Two processes may start at once: the file appears whole, and who comes second reads the first one's key.

    Args:
        state: the state directory; made where it is missing.
        wall: Unix seconds, for the name of a file that is kept aside.

    Raises:
        KeyFileError: others may read the file, or it is not ours to read.
    """
    path = state / ROOT_KEY_FILE
    try:
        if not path.exists():
            used = any(state.glob("*.db"))
            state.mkdir(mode=0o750, parents=True, exist_ok=True)
            if create_private(path, secrets.token_bytes(_SIZE)) and used:
                _tell_of_new_key(path, "it was missing, but this state directory was used before")
        try:
            secret = _read(path)
        except _DamagedError:
            aside = keep_aside(path, wall())
            replace(path, secrets.token_bytes(_SIZE))
            _tell_of_new_key(path, f"it was damaged, and is kept as {aside.name}")
            secret = _read(path)
        return RootKey(secret, *_generation(state, wall))
    except PermissionError as error:
        raise _not_ours(error) from None


def read_root_key(state: Path) -> RootKey:
    """Read ``root.key`` for somebody beside the gateway, who must not make one: no gateway would know it.

    Raises:
        KeyFileError: there is none, others may read the file, it is not ours to read, or it is damaged; or nobody can
            tell which generation of token keys counts.
    """
    path = state / ROOT_KEY_FILE
    try:
        return RootKey(_read(path), *read_generation(state))
    except GenerationError as error:
        raise KeyFileError(str(error)) from None
    except FileNotFoundError:
        raise KeyFileError(
            f"{path} is not there: the gateway makes it when it starts. Start the gateway on this directory first "
            f"(ferrule run --state {state}), or name the directory it keeps its state in: --state DIR"
        ) from None
    except PermissionError as error:
        raise _not_ours(error) from None


def _generation(state: Path, wall: Callable[[], float]) -> Generation:
    try:
        return read_generation(state)
    except GenerationError:
        generation, kept = begin_anew(state, wall())
        log.warning(
            "token keys begin anew, far from all there were: all tokens given out are void, issue new ones",
            file=GENERATION_FILE,
            kept_as=kept.name,
            reason="it was damaged",
        )
        return generation


def _not_ours(error: PermissionError) -> KeyFileError:
    return KeyFileError(
        f"{error.filename}: {error.strerror}. Run this as the user the gateway runs as, or as root, or name another "
        "directory with --state"
    )


def _tell_of_new_key(path: Path, reason: str) -> None:
    log.warning(
        "new root key: all tokens given out are void, issue new ones (ferrule token); the gateway has a new id",
        file=str(path),
        reason=reason,
        cure="to keep the old tokens, stop the gateway, put root.key back from a backup and start it again",
    )


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise KeyFileError(
                f"{path} can be read or written by others (mode {mode:04o}), so every token may be forged. "
                f"Delete it and start again: a new key is made and all tokens end; or, if you are sure that nobody "
                f"has read it: chmod 600 {path}"
            )
        secret = file.read(_SIZE + 1)
    if len(secret) != _SIZE:
        raise _DamagedError(
            f"{path} does not hold {_SIZE} bytes: it is damaged. Restore it from a backup, or restart the gateway: "
            "a new key is made and all tokens end"
        )
    return secret
