"""The first administrator's file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from gateway.access.admin import ADMIN_FILE, AdminFileError, load_admin


def test_it_is_made_once_private_and_random(tmp_path: Path) -> None:
    admin = load_admin(tmp_path)
    path = tmp_path / ADMIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes()) == {"client_id": admin.client_id, "client_secret": admin.client_secret}
    assert load_admin(tmp_path) == admin
    assert len(admin.client_secret) >= 43
    assert admin.client_secret not in repr(admin)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"client_id": 1, "client_secret": "x"}', '{"client_id": "a"}'])
def test_a_damaged_file_is_named_with_the_cure(tmp_path: Path, content: str) -> None:
    (tmp_path / ADMIN_FILE).write_text(content)
    with pytest.raises(AdminFileError, match=r"admin\.json does not hold.*Delete it"):
        load_admin(tmp_path)
