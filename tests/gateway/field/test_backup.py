"""A backup holds everything, is verified, and never replaces anything before it has proved to be sound."""

from __future__ import annotations

import gzip
import io
import json
import os
import sqlite3
import stat
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from gateway.access.keys import load_root_key
from gateway.field.archive import MANIFEST, ArchiveError, Manifest, verify
from gateway.field.backup import Board, make_backup
from gateway.field.restore import RestoreError, restore
from gateway.state_lock import InUseError, held
from gateway.storage.migrate import migrate, packaged_steps

BOARD = Board("1.2.3", "boiler", 1_790_000_000.0)
CONFIG = '[gateway]\nname = "boiler"\n[[line]]\nname = "bus"\ntransport = "rtu"\nport = "/dev/x"\n'


def quiet(_done: float, _note: str) -> None:
    pass


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    load_root_key(state)
    for name, steps in (("ferrule.db", "control"), ("history.db", "history")):
        with closing(sqlite3.connect(state / name, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            migrate(connection, state / name, packaged_steps(steps))
    (state / "lock").touch()
    (state / "in-force.json").touch()
    (state / "ferrule.ballast").write_bytes(bytes(100))
    (state / "history.db.bad-20260101T000000Z").touch()
    (state / "tty-bus").symlink_to("/dev/null")
    (state / "plugins").mkdir()
    (state / "plugins" / "a.bin").write_bytes(b"plugin")
    return state


@pytest.fixture
def config(tmp_path: Path) -> Path:
    config = tmp_path / "etc" / "ferrule.toml"
    (config.parent / "profiles").mkdir(parents=True)
    config.write_text(CONFIG)
    profile = '[profile]\nname = "mine"\ntitle = "Mine"\n'
    (config.parent / "profiles" / "mine.toml").write_text(profile)
    return config


def secret(state: Path) -> bytes:
    return (state / "root.key").read_bytes()


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def backup(tmp_path: Path, state: Path, config: Path | None) -> Path:
    path = tmp_path / "boiler.backup"
    make_backup(path, state, config, BOARD, quiet)
    return path


def test_a_backup_holds_state_configuration_and_profiles_and_nothing_else(
    tmp_path: Path, state: Path, config: Path
) -> None:
    path = backup(tmp_path, state, config)
    manifest = verify(path)
    assert [member.name for member in manifest.members] == [
        "config/ferrule.toml",
        "config/profiles/mine.toml",
        "state/ferrule.db",
        "state/history.db",
        "state/plugins/a.bin",
        "state/root.key",
    ]
    assert manifest.schemas == {
        name: len(packaged_steps(kind))
        for name, kind in (("state/ferrule.db", "control"), ("state/history.db", "history"))
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["boiler.backup", "etc", "state"]


def test_what_plugins_write_is_in_nobodys_way(tmp_path: Path, state: Path) -> None:
    data = state / "instances" / "instance-1"
    data.mkdir(parents=True)
    (data / "no.db").write_bytes(b"no database")
    (data / "secret").symlink_to("/etc/passwd")
    os.mkfifo(data / "pipe")
    (state / "unpacked" / "scale" / "1.0.0").mkdir(parents=True)
    (state / "unpacked" / "scale" / "1.0.0" / "main.py").touch()
    (state / "plugins" / "instances").mkdir()
    (state / "plugins" / "instances" / "1.0.0.tar.gz").touch()
    names = [member.name for member in verify(backup(tmp_path, state, None)).members]
    assert names == [
        "state/ferrule.db",
        "state/history.db",
        "state/plugins/a.bin",
        "state/plugins/instances/1.0.0.tar.gz",
        "state/root.key",
    ]


def test_an_update_that_was_asked_for_is_not_asked_for_again_by_a_restore(tmp_path: Path, state: Path) -> None:
    (state / "update").mkdir()
    (state / "update" / "wanted.raucb").write_bytes(b"hsqs")
    (state / "update" / "wanted.json").write_bytes(b"{}")
    names = [member.name for member in verify(backup(tmp_path, state, None)).members]
    assert not [name for name in names if "wanted" in name]


@pytest.mark.parametrize("plugin", ["lock", "before-restore-1", "write-wal", "shm-shm"])
@pytest.mark.parametrize("version", ["1.0.0", "1.0.0-rc.part", "1.0.0-wal"])
def test_a_plugin_may_be_called_like_what_is_no_state(tmp_path: Path, state: Path, plugin: str, version: str) -> None:
    package = state / "plugins" / plugin / f"{version}.tar.gz"
    package.parent.mkdir(parents=True)
    package.write_bytes(b"a package")
    (state / "plugins" / "tmp1.part").write_bytes(b"half of one")
    names = {member.name for member in verify(backup(tmp_path, state, None)).members}
    assert f"state/plugins/{plugin}/{version}.tar.gz" in names
    assert "state/plugins/tmp1.part" not in names


def test_a_database_is_copied_as_it_is_at_one_moment(tmp_path: Path, state: Path) -> None:
    with closing(sqlite3.connect(state / "history.db", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE pair (a, b)")
        writer.execute("INSERT INTO pair VALUES (1, 1)")
        writer.execute("BEGIN")
        writer.execute("UPDATE pair SET a = 2")
        path = backup(tmp_path, state, None)
        writer.execute("UPDATE pair SET b = 2")
        writer.execute("COMMIT")
    restore(path, tmp_path / "new", None, BOARD.now, quiet)
    with closing(sqlite3.connect(tmp_path / "new" / "history.db")) as copy:
        assert copy.execute("SELECT a, b FROM pair").fetchall() == [(1, 1)]


def test_the_audit_log_of_a_backup_has_the_row_that_its_witness_remembers(tmp_path: Path, state: Path) -> None:
    def connected(name: str) -> sqlite3.Connection:
        return sqlite3.connect(state / name, isolation_level=None, check_same_thread=False)

    with closing(connected("audit.db")) as log, closing(connected("ferrule.db")) as witness:
        log.execute("PRAGMA journal_mode = WAL")
        log.execute("CREATE TABLE rows (number INTEGER)")
        witness.execute("CREATE TABLE head (number INTEGER)")
        witness.execute("INSERT INTO head VALUES (0)")
        stop = threading.Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                log.execute("INSERT INTO rows VALUES (?)", (number,))
                witness.execute("UPDATE head SET number = ?", (number,))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for turn in range(5):
                path = tmp_path / f"{turn}.backup"
                make_backup(path, state, None, BOARD, quiet)
                restore(path, tmp_path / str(turn), None, BOARD.now, quiet)
        finally:
            stop.set()
            writer.join()
    for turn in range(5):
        with closing(sqlite3.connect(tmp_path / str(turn) / "audit.db")) as log:
            (rows,) = log.execute("SELECT max(number) FROM rows").fetchone()
        with closing(sqlite3.connect(tmp_path / str(turn) / "ferrule.db")) as witness:
            (head,) = witness.execute("SELECT number FROM head").fetchone()
        assert rows >= head


def test_nothing_is_overwritten_and_no_half_backup_is_left(tmp_path: Path, state: Path) -> None:
    path = backup(tmp_path, state, None)
    before = path.read_bytes()
    with pytest.raises(ArchiveError, match="is there already"):
        make_backup(path, state, None, BOARD, quiet)
    assert path.read_bytes() == before
    (state / "history.db").write_bytes(b"SQLite format 3\0" + os.urandom(8192))
    with pytest.raises(sqlite3.Error):
        make_backup(tmp_path / "other", state, None, BOARD, quiet)
    assert not [entry for entry in tmp_path.iterdir() if "other" in entry.name or entry.name.startswith(".")]
    with pytest.raises(ArchiveError, match=r"no root\.key"):
        make_backup(tmp_path / "other", tmp_path, None, BOARD, quiet)


def test_what_is_restored_is_what_was_saved_and_the_old_is_kept(tmp_path: Path, state: Path, config: Path) -> None:
    path = backup(tmp_path, state, config)
    saved, saved_key = files(state), secret(state)
    for name in ("root.key", "plugins/a.bin"):
        (state / name).write_bytes(b"x" * 32)
    (state / "later").write_bytes(b"later")
    (state / ".restore-killed").mkdir()
    config.write_text("# changed\n" + CONFIG)
    done = restore(path, state, config, BOARD.now, quiet)
    assert done.aside is not None
    now = files(state)
    assert secret(state) == saved_key
    assert stat.S_IMODE((state / "root.key").stat().st_mode) == 0o600
    assert now["plugins/a.bin"] == saved["plugins/a.bin"]
    assert not (state / "later").exists()
    assert (done.aside / "later").read_bytes() == b"later"
    assert not (done.aside / "ferrule.ballast").exists()
    assert (done.aside / "root.key").read_bytes() == b"x" * 32
    assert config.read_text() == CONFIG
    assert [kept.read_text() for kept in done.replaced] == ["# changed\n" + CONFIG]
    assert not list(state.glob(".restore-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root restores for somebody else")
def test_root_restores_for_the_user_of_the_gateway(tmp_path: Path, state: Path, config: Path) -> None:
    path = backup(tmp_path, state, config)
    there = tmp_path / "board"
    (there / "state").mkdir(parents=True)
    (there / "etc").mkdir()
    for place in (there / "state", there / "etc"):
        os.chown(place, 1234, 1234)
    restore(path, there / "state", there / "etc" / "ferrule.toml", BOARD.now, quiet)
    made = [place for place in there.rglob("*") if place.name not in {"state", "etc"}]
    assert {place.stat().st_uid for place in made} == {1234}


def test_a_second_backup_does_not_hold_what_a_restore_put_aside(tmp_path: Path, state: Path) -> None:
    path = backup(tmp_path, state, None)
    restore(path, state, None, BOARD.now, quiet)
    make_backup(tmp_path / "second", state, None, BOARD, quiet)
    assert [one.name for one in verify(tmp_path / "second").members] == [one.name for one in verify(path).members]


def test_a_new_board_gets_state_and_configuration(tmp_path: Path, state: Path, config: Path) -> None:
    path = backup(tmp_path, state, config)
    there = tmp_path / "board"
    done = restore(path, there / "state", there / "etc" / "gateway.toml", BOARD.now, quiet)
    assert (done.aside, list((there / "state").glob("before-*"))) == (None, [])
    assert secret(there / "state") == secret(state)
    assert (there / "etc" / "gateway.toml").read_text() == CONFIG
    assert (there / "etc" / "profiles" / "mine.toml").exists()


def test_nothing_happens_while_a_gateway_runs(tmp_path: Path, state: Path) -> None:
    path = backup(tmp_path, state, None)
    (state / "root.key").write_bytes(b"y" * 32)
    before = files(state)
    with held(state), pytest.raises(InUseError, match="stop it first"):
        restore(path, state, None, BOARD.now, quiet)
    assert files(state) == before


def repacked(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup with its members changed by somebody."""
    with tarfile.open(path) as tar:
        members = {entry.name: source.read() for entry in tar if (source := tar.extractfile(entry))}
    change(members)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def in_manifest(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members[MANIFEST] = json.dumps({**json.loads(members[MANIFEST]), **changes}).encode()

    return change


def renamed(old: str, new: str) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members[MANIFEST] = members[MANIFEST].replace(old.encode(), new.encode())
        kept = {name.replace(old, new): content for name, content in members.items()}
        members.clear()
        members.update(kept)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda members: members.update({"state/root.key": bytes(32)}), "not what was saved"),
        (lambda members: members.update({"state/more": b""}), "more than its manifest says"),
        (lambda members: members.pop("state/root.key"), "is damaged"),
        (lambda members: members.pop(MANIFEST), "is no backup"),
        (in_manifest(product="other"), "of other, not of ferrule"),
        (in_manifest(format=2), "made by version 1.2.3"),
        (in_manifest(members=[]), "more than its manifest"),
        (in_manifest(members=3), "damaged or no backup"),
        (renamed("state/plugins/a.bin", "state/../../a.bin"), "that no backup has"),
        (renamed("state/plugins/a.bin", "/etc/plugins/a.bin"), "that no backup has"),
        (renamed("state/plugins/a.bin", "state//plugins/a"), "that no backup has"),
    ],
)
def test_a_changed_backup_is_refused_and_changes_nothing(
    change: Callable[[dict[str, bytes]], None], words: str, tmp_path: Path, state: Path, config: Path
) -> None:
    path = repacked(backup(tmp_path, state, config), change)
    before = files(tmp_path)
    with pytest.raises(ArchiveError, match=words):
        verify(path)
    with pytest.raises(ArchiveError, match=words):
        restore(path, state, config, BOARD.now, quiet)
    assert files(tmp_path) == before


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_or_flipped_backup_is_refused(share: float, tmp_path: Path, state: Path) -> None:
    path = backup(tmp_path, state, None)
    whole = path.read_bytes()
    at = int(len(whole) * share)
    path.write_bytes(whole[:at])
    with pytest.raises(ArchiveError):
        verify(path)
    flipped = bytearray(whole)
    flipped[at] ^= 1
    path.write_bytes(bytes(flipped))
    try:
        verify(path)
    except ArchiveError:
        return
    # Some codes of the compression say the same: a run of zeros can be copied from here or from there.
    assert gzip.decompress(bytes(flipped)) == gzip.decompress(whole)


@pytest.mark.parametrize("database", ["ferrule.db", "history.db", "audit.db", "events.db", "plugins.db"])
def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path, state: Path, database: str) -> None:
    with closing(sqlite3.connect(state / "audit.db")) as connection:
        migrate(connection, state / "audit.db", packaged_steps("audit"))
    path = repacked(backup(tmp_path, state, None), in_manifest(schemas={f"state/{database}": 999}, version="9.0"))
    before = files(state)
    with pytest.raises(RestoreError, match=r"version 9\.0, which is newer"):
        restore(path, state, None, BOARD.now, quiet)
    assert files(state) == before


def test_a_configuration_this_version_refuses_is_not_restored(tmp_path: Path, state: Path, config: Path) -> None:
    config.write_text("[gateway]\nnmae = 1\n")
    path = backup(tmp_path, state, config)
    before = files(tmp_path)
    with pytest.raises(RestoreError, match=r'ferrule\.toml:2:1: error: unknown key "nmae"'):
        restore(path, state, config, BOARD.now, quiet)
    assert files(tmp_path) == before
    assert restore(path, state, None, BOARD.now, quiet).replaced == ()


def test_a_configuration_that_cannot_be_written_leaves_the_old_state(tmp_path: Path, state: Path, config: Path) -> None:
    path = backup(tmp_path, state, config)
    (state / "root.key").write_bytes(b"z" * 32)
    before = files(state)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        restore(path, state, tmp_path / "file" / "ferrule.toml", BOARD.now, quiet)
    assert files(state) == before
    assert not list(state.glob("before-restore-*"))


def test_members_a_later_version_adds_are_read_over(tmp_path: Path, state: Path) -> None:
    path = repacked(backup(tmp_path, state, None), in_manifest(note="from later"))
    assert isinstance(verify(path), Manifest)
    assert msgspec.to_builtins(verify(path))["host"] == "boiler"
