"""What docs/operation.md says of files and variables is what the gateway has."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import logs
from gateway.access.admin import ADMIN_FILE
from gateway.access.keys import ROOT_KEY_FILE
from gateway.api.server import tls
from gateway.settings.in_force import IN_FORCE_FILE
from gateway.state_lock import LOCK_FILE
from gateway.storage import storage

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
FILES = [
    ROOT_KEY_FILE,
    ADMIN_FILE,
    tls.AUTHORITY,
    tls.AUTHORITY_KEY,
    tls.LEAF,
    tls.RECORD,
    storage.CONTROL_FILE,
    storage.HISTORY_FILE,
    LOCK_FILE,
    IN_FORCE_FILE,
]


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_state_directory_is_explained(name: str) -> None:
    table = TEXT[TEXT.index("## The state directory") :]
    assert any(f"`{name}`" in row.split("|")[1] for row in table.splitlines() if row.startswith("| "))


def test_what_hides_a_secret_is_what_is_said() -> None:
    assert f"`{logs.HIDDEN}`" in TEXT
    assert {"token", "secret", "password", "key", "cookie"} <= logs.SECRET_WORDS


@pytest.mark.parametrize("line", ["/ferrule.toml", "/profiles/", "/state/", "/tty-*"])
def test_what_the_readme_makes_one_create_is_not_offered_to_git(line: str) -> None:
    assert line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
