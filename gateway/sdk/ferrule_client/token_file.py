"""Keeps an agent's token over its restarts: with it and a fresh signature an agent comes back without an operator."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path

from .errors import ConfigurationError

_log = logging.getLogger("ferrule_client")


class TokenFile:
    """A file that only its owner may read.

    Args:
        path: of the file; its directory must be there.
        agent_id: whose token it is.
    """

    def __init__(self, path: str | Path, agent_id: str) -> None:
        self._path = Path(path)
        self._agent_id = agent_id

    def load(self) -> str | None:
        """The token; None where none was kept, or one of another agent.

        Raises:
            ConfigurationError: the file may not be read.
        """
        try:
            kept = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"token_file: {self._path}: {error.strerror}") from None
        except ValueError:
            # Half a file, after a power cut: the enrolment is what is left.
            return None
        if not isinstance(kept, dict) or kept.get("agentId") != self._agent_id:
            return None
        token = kept.get("token")
        return token if isinstance(token, str) else None

    def save(self, token: str | None) -> None:
        """Keep a token in place of the last one; None: keep none.

        Where that fails it is logged, and the agent goes on: a full disk is no reason to fall silent.
        """
        try:
            if token is None:
                self._path.unlink(missing_ok=True)
            else:
                self._write(json.dumps({"agentId": self._agent_id, "token": token}).encode())
        except OSError as error:
            _log.error("%s: %s: after a restart this agent has to be enrolled anew", self._path, error.strerror)

    def _write(self, content: bytes) -> None:
        # The token before is void by now, so what is kept must be whole at any moment, power cuts included.
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        with suppress(FileNotFoundError):
            new.unlink()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
