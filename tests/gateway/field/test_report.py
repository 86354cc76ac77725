"""A report says what helps, and no secret, wherever that stood."""

from __future__ import annotations

import base64
import json
import stat
import zipfile
from pathlib import Path

import pytest

from gateway.access.admin import load_admin
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens
from gateway.api.server.certificates import make_authority, make_leaf
from gateway.field.diagnostics import CONTENTS, BundleError, Subject, make_bundle
from gateway.field.scrub import Scrubber, secrets_of

NOW = 1_790_000_000.0
CONFIG = """\
[gateway]
name = "boiler"
location = "see https://me:canary-login@example.com/"
[[line]]
name = "bus"
transport = "rtu"
port = "/dev/x"
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    load_root_key(state)
    load_admin(state)
    authority = make_authority("test", NOW)
    leaf = make_leaf(authority.certificate, authority.key, ["localhost"], NOW)
    (state / "ca.key").write_bytes(authority.key)
    (state / "server.pem").write_bytes(leaf.certificate + leaf.key)
    (state / "webhooks.json").write_text('{"hooks": [{"url": "https://x", "signingSecrets": ["canary-webhook"]}]}')
    return state


def canaries(state: Path) -> dict[str, str]:
    """Every secret of a gateway, as somebody could find it in a text."""
    root = (state / "root.key").read_bytes()
    pem = (state / "ca.key").read_text().splitlines()[1]
    leaf = (state / "server.pem").read_text().partition("PRIVATE KEY-----\n")[2].splitlines()[0]
    token = OperatorTokens(load_root_key(state), lambda: NOW, lambda: True).issue(["*"])
    return {
        "root key in hex": root.hex(),
        "root key in base64": base64.b64encode(root).decode().rstrip("="),
        "root key in base64url": base64.urlsafe_b64encode(root).decode().rstrip("="),
        "administrator": json.loads((state / "admin.json").read_text())["client_secret"],
        "authority's key": pem,
        "server's key": leaf,
        "token": token,
        "signature of the token": token.rpartition(".")[2],
        "webhook": "canary-webhook",
        "login": "canary-login",
        "password": "canary-password",
        "bearer": "canary.bearer-1234",
        "in JSON": "canary-json",
        "number": "918273645",
    }


def journal(directory: Path, text: str) -> None:
    """A journalctl that says this."""
    directory.mkdir()
    (directory / "journal.txt").write_text(text)
    program = directory / "journalctl"
    program.write_text(f'#!/bin/sh\ncat "{directory}/journal.txt"\n')
    program.chmod(0o755)


def leaks(bundle: Path, secrets: dict[str, str]) -> list[str]:
    with zipfile.ZipFile(bundle) as file:
        texts = {name: file.read(name).decode() for name in file.namelist()}
    return [f"{what} in {name}" for what, secret in secrets.items() for name, text in texts.items() if secret in text]


@pytest.mark.parametrize("config", [CONFIG, CONFIG + 'password = "canary-password"\n', "password = canary-password"])
def test_no_secret_gets_into_a_report(
    config: str, tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = canaries(state)
    lines = [f"{what}: {secret}" for what, secret in secrets.items()]
    lines += [
        'started password=canary-password user=ines, "authToken": "canary-json", pin_token=918273645',
        "Authorization: Bearer canary.bearer-1234",
        f"GET https://me:canary-login@host/?access_token={secrets['token']}",
        (state / "ca.key").read_text(),
        "polled 17 tags of bus/meter",
    ]
    # These mean something only where they are called a secret.
    named = {"password", "in JSON", "number", "bearer", "login"}
    journal(tmp_path / "bin", "\n".join(line for line in lines if line.partition(":")[0] not in named))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    path = tmp_path / "etc.toml"
    path.write_text(config)
    answers = {"server.info": {"echo": lines[:7], "clientSecret": "canary-json", "apiKey": 918273645}}
    bundle = tmp_path / "report.zip"
    make_bundle(bundle, Subject(state, path, None, answers, NOW))
    assert leaks(bundle, secrets) == []
    with zipfile.ZipFile(bundle) as file:
        log = file.read("log.txt").decode()
        info = json.loads(file.read("server.info.json"))
    assert "polled 17 tags of bus/meter" in log
    assert "user=ines" in log
    assert info["clientSecret"] == info["apiKey"] == "(secret)"


@pytest.mark.parametrize("begin", [b"{", b" [", b"12", b"\n"])
def test_a_key_is_known_whatever_its_bytes_look_like(begin: bytes, tmp_path: Path) -> None:
    root = begin.ljust(32, b"7")
    (tmp_path / "root.key").write_bytes(root)
    scrubber = Scrubber(secrets_of(tmp_path, None))
    for written in (root.hex(), base64.b64encode(root).decode(), base64.urlsafe_b64encode(root).decode().rstrip("=")):
        assert written.rstrip("=") not in scrubber.clean(f"the key is {written}, and that is all")


def test_a_report_lists_what_is_in_it(tmp_path: Path, state: Path) -> None:
    config = tmp_path / "ferrule.toml"
    config.write_text(CONFIG)
    bundle = tmp_path / "report.zip"
    parts = make_bundle(bundle, Subject(state, config, None, {"gateway": {"answered": False, "reason": "off"}}, NOW))
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    with zipfile.ZipFile(bundle) as file:
        assert file.testzip() is None
        assert file.namelist() == [part.name for part in parts]
        contents = file.read(CONTENTS).decode()
        for entry in file.infolist():
            assert entry.filename == CONTENTS or f"{entry.filename} " in contents
            assert entry.filename == CONTENTS or f" {entry.file_size} bytes" in contents
        assert 'name = "boiler"' in file.read("config.toml").decode()
        assert "1 line" in file.read("check.txt").decode()
        assert json.loads(file.read("gateway.json"))["reason"] == "off"
        system = json.loads(file.read("system.json"))
    assert {row["name"] for row in system["stateDirectory"]} == {path.name for path in state.iterdir()}
    assert system["disk"]["state"]["total"] > 0


def test_a_configuration_with_mistakes_is_reported_as_such(tmp_path: Path, state: Path) -> None:
    config = tmp_path / "ferrule.toml"
    config.write_text("[gateway]\nnmae = 1\n")
    parts = make_bundle(tmp_path / "report.zip", Subject(state, config, None, {}, NOW))
    [check] = [part for part in parts if part.name == "check.txt"]
    assert 'ferrule.toml:2:1: error: unknown key "nmae"' in check.text


def test_nothing_is_overwritten(tmp_path: Path, state: Path) -> None:
    bundle = tmp_path / "report.zip"
    bundle.write_text("mine")
    with pytest.raises(BundleError, match="is there already"):
        make_bundle(bundle, Subject(state, None, None, {}, NOW))
    assert bundle.read_text() == "mine"


@pytest.mark.parametrize(
    "text",
    [
        '{"tokenRequired": true, "tokens": null, "secrets": {"a": 1}}',
        "key = value, keep_alive_time=5, sequence: 17",
        'Bearer realm="ferrule"',
        "https://192.168.1.10:3500/api/v1/rpc",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Scrubber([]).clean(text) == text
