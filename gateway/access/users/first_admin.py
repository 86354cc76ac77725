"""How the first administrator comes about: a code that lies in the state directory, good once (D-058)."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

import structlog
import trio

from gateway.access.files import replace
from gateway.access.users.users import Users
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import FactStore

log = structlog.stdlib.get_logger(__name__)

CODE_FILE = "first-admin.code"
FIRST_ADMIN = "first_admin"
MOST_ATTEMPTS = 10
# Letters and digits that nobody confuses on paper; 20 of them are 98 bits.
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUPS, _GROUP = 4, 5
_KEY = "code"


class FirstAdmin:
    """The code, as long as there is no administrator.

    The file is for the operator; the gateway itself keeps the hash of what stands in it.

    Args:
        state: the state directory.
        facts: keep hash and attempts.
        users: whether there is an administrator.
    """

    def __init__(self, state: Path, facts: FactStore, users: Users) -> None:
        self._path = state / CODE_FILE
        self._facts = facts
        self._users = users
        self._digest, self._attempts = _kept(facts.recall(FIRST_ADMIN).get(_KEY))
        users.changed.append(self._follow)

    async def begin(self) -> None:
        """See to the file when the gateway starts: there is one where a code is good, and where one is needed."""
        self._follow()
        if self._users.all() or self._stands():
            return
        try:
            await self.renew()
        except OSError as error:
            log.warning("no code for the first administrator", reason=error.strerror, file=str(self._path))

    async def renew(self) -> str:
        """Make a code; one of before is not good any more.

        Raises:
            GatewayError: CONFLICT, there is an administrator.
            OSError: the file cannot be written; then there is no code.
        """
        self._check()
        code = "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
        # Not until it lies there for the operator is it good.
        await trio.to_thread.run_sync(replace, self._path, f"{code}\n".encode())
        self._digest, self._attempts = _digest(code), 0
        self._keep()
        log.info("a code for the first administrator is ready", file=str(self._path), cure="ferrule user code")
        return code

    def check(self, code: str) -> None:
        """Hold a code against the one that is good, as it stays until there is an administrator. Wrong ones count.

        Raises:
            GatewayError: CONFLICT, there is an administrator; FORBIDDEN, it is wrong, used or was tried too often.
        """
        self._check()
        if self._digest is None:
            raise GatewayError(
                Code.FORBIDDEN, "there is no code that is good: make one on the board (ferrule user code --renew)"
            )
        if not hmac.compare_digest(self._digest, _digest(code)):
            self._attempts += 1
            if self._attempts >= MOST_ATTEMPTS:
                self._burn()
                log.warning("the code for the first administrator was tried too often and is void")
            else:
                self._keep()
            raise GatewayError(
                Code.FORBIDDEN, "the code is not the one on the board: see it there with ferrule user code"
            )

    def _follow(self) -> None:
        """Once there is an administrator, however that came about, the code is good for nothing."""
        if self._users.administered:
            self._burn()

    def _stands(self) -> bool:
        """Whether the file has the code that is good: a power cut may have come between the two."""
        try:
            return self._digest == _digest(self._path.read_text("ascii"))
        except (OSError, UnicodeDecodeError):
            return False

    def _check(self) -> None:
        if self._users.administered:
            raise GatewayError(
                Code.CONFLICT,
                "there is an administrator already: have one add you, or see ferrule user add on the board",
            )

    def _burn(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        if self._digest is not None:
            self._digest = None
            self._facts.remember(FIRST_ADMIN, _KEY, None, urgent=True)

    def _keep(self) -> None:
        self._facts.remember(FIRST_ADMIN, _KEY, {"digest": self._digest, "attempts": self._attempts}, urgent=True)


def _digest(code: str) -> str:
    """The hash of a code, however it was typed: with hyphens or blanks, in upper case or lower."""
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def _kept(value: object) -> tuple[str | None, int]:
    if isinstance(value, Mapping):
        match dict(value):
            case {"digest": str(digest), "attempts": int(attempts)}:
                return digest, attempts
    return None, 0
