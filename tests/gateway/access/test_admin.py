"""The first administrator's file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.access.admin import ADMIN_FILE, load_admin


def test_it_is_made_once_private_and_random(tmp_path: Path) -> None:
    admin = load_admin(tmp_path)
    path = tmp_path / ADMIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes()) == {"client_id": admin.client_id, "client_secret": admin.client_secret}
    assert load_admin(tmp_path) == admin
    assert len(admin.client_secret) >= 43
    assert admin.client_secret not in repr(admin)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"client_id": 1, "client_secret": "x"}', '{"client_id": "a"}'])
def test_a_damaged_file_is_kept_aside_and_told_and_a_new_one_made(tmp_path: Path, content: str) -> None:
    (tmp_path / ADMIN_FILE).write_text(content)
    with capture_logs() as logs:
        admin = load_admin(tmp_path, lambda: 1_779_444_000.0)
    [entry] = logs
    assert entry["log_level"] == "warning"
    assert (tmp_path / entry["kept_as"]).read_text() == content
    assert admin.client_secret not in str(logs)
    path = tmp_path / ADMIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_admin(tmp_path) == admin
