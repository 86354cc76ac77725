"""SDKs as users have them: fetched from a gateway, installed in an empty place, their examples run against it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sdk.running import NODE, PROGRAMS
from tests.e2e.fixtures import Start
from tests.e2e.programs import needed
from tests.e2e.simulated import POLL, TAGS, drive
from tests.e2e.site import Gateway, Site, device, tcp_line

pytestmark = pytest.mark.e2e

# Generous, as with everything that compiles; who hangs is ended.
_PATIENCE_S = 600
_WHEELS = PROGRAMS.parent / "wheels"


@dataclass
class Place:
    """An empty place to install an SDK in.

    Attributes:
        directory: the place.
        gateway: it came from.
        secrets: in the environment of each example.
    """

    directory: Path
    gateway: Gateway
    secrets: dict[str, str] = field(default_factory=dict)

    def fetched(self, language: str, *, ending: str = ".tar.gz") -> Path:
        """An archive from the gateway, checked as it says."""
        own = {"Authorization": f"Bearer {self.secrets['FERRULE_TOKEN']}"}
        rows = self.gateway.client.get("/v1/tools/sdk", headers=own).json()["data"]
        [row] = [row for row in rows if row["language"] == language]
        archive = next(
            one for one in row["archives"] if one["download_url"].endswith(ending) and "bare" not in str(one)
        )
        content = self.gateway.client.get(archive["download_url"], headers=own).content
        assert hashlib.sha256(content).hexdigest() == archive["sha256"]
        path = self.directory / str(archive["download_url"]).rpartition("/")[2]
        path.write_bytes(content)
        return path

    def run(self, *command: str | Path, more: Mapping[str, str] | None = None) -> list[str]:
        """The lines a program prints; it must end well."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        ended = subprocess.run(
            command,
            cwd=self.directory,
            env={**kept, **self.secrets, **(more or {})},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 0, f"{command}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout.splitlines()


@pytest.fixture
def place(site: Site, start: Start, sdks: Path, tmp_path: Path) -> Place:
    """A gateway with three plugins and a drive, and a place beside it."""
    machine = drive(start, tmp_path)
    site.configure(
        tcp_line("plant", machine.port, device("drive", 1, TAGS, POLL)),
        server=f'bind = "127.0.0.1"\nport = 0\nsdks = "{sdks}"',
    )
    gateway = site.start()
    gateway.awaits("plant/drive/beyond", quality="good")
    token = gateway.token(["*"])
    own = {"Authorization": f"Bearer {token}"}
    for name in ("Alpha", "Beta", "Gamma"):
        release: dict[str, object] = {
            "name": name,
            "version": "1.2.0",
            "description": "d",
            "category": "c",
            "license": "MIT",
            "tags": [],
        }
        body = {"data": {"type": "plugin", "attributes": release}}
        made = gateway.client.post("/v1/plugins", json=body, headers=own)
        assert made.status_code == 201, made.text
    program = {"data": {"name": "panel", "roles": ["viewer"]}}
    client = gateway.client.post("/v1/clients", json=program, headers=own).json()["data"]
    key = {"data": {"name": "screen", "scopes": ["plugins:read"], "owner": f"client:{client['client_id']}"}}
    answer = gateway.client.post("/v1/auth/api-keys", json=key, headers=own)
    assert answer.status_code == 201, answer.text
    directory = tmp_path / "empty"
    directory.mkdir()
    return Place(
        directory,
        gateway,
        {
            "FERRULE_URL": gateway.url,
            "FERRULE_CA": str(gateway.state / "ca.pem"),
            "NODE_EXTRA_CA_CERTS": str(gateway.state / "ca.pem"),
            "FERRULE_TOKEN": token,
            "FERRULE_CLIENT": client["client_id"],
            "FERRULE_SECRET": client["client_secret"],
            "FERRULE_API_KEY": answer.json()["data"]["api_key"],
        },
    )


def check_examples(place: Place, command: Sequence[str | Path], ending: str) -> None:
    """Run all of them, and see that they say what is there."""

    def said(name: str) -> list[str]:
        return place.run(*command, place.directory / "examples" / f"{name}{ending}")

    *plugins, refused = said("plugins")
    assert plugins == ["alpha 1.2.0", "beta 1.2.0", "gamma 1.2.0"]
    assert refused.startswith("404 not_found ")
    *tags, wrong = said("tags")
    assert "plant/drive/beyond 66 good" in tags
    assert len(tags) == len(TAGS)
    assert wrong.startswith("-32602 ")
    [event] = said("events")
    assert event.startswith("user:greeting ")
    assert "hello" in event
    owner = f"client:{place.secrets['FERRULE_CLIENT']}"
    [given] = said("oauth2")
    assert given.split()[0] == owner
    assert "plugins:read" in given
    [kept] = said("api_key")
    assert kept.split()[1] == owner


def unpack_examples(place: Place, archive: Path) -> None:
    place.run("tar", "-xzf", archive, "--strip-components=1", "--wildcards", "*/examples/*")


def test_the_sdk_for_python_installs_and_its_examples_run(place: Place) -> None:
    place.run(sys.executable, "-m", "venv", "--without-pip", place.directory / "venv")
    python = place.directory / "venv" / "bin" / "python"
    pip: list[str | Path] = [
        PROGRAMS / "python",
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--find-links",
        _WHEELS,
    ]
    archive = place.fetched("python")
    place.run(*pip, place.fetched("python", ending=".whl"))
    place.run(*pip, "--force-reinstall", "--no-deps", archive)
    [installed] = place.run(python, "-c", "import importlib.metadata as m; print(m.version('ferrule-sdk'))")
    assert installed == place.gateway.client.get("/v1/openapi.json").json()["info"]["version"]
    unpack_examples(place, archive)
    check_examples(place, [python], ".py")


def test_the_sdk_for_typescript_installs_compiles_and_its_examples_run(place: Place) -> None:
    node, npm = needed("node"), needed("npm")
    (place.directory / "package.json").write_text('{"name": "empty", "private": true, "type": "module"}')
    archive = place.fetched("typescript")
    place.run(npm, "install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", archive)
    unpack_examples(place, archive)
    options = {
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "target": "ES2022",
        "module": "NodeNext",
        "lib": ["ES2022", "DOM", "DOM.Iterable"],
        "types": ["node"],
        "typeRoots": [str(NODE / "node_modules" / "@types")],
    }
    configuration = {"compilerOptions": options, "include": ["examples/*.ts"]}
    (place.directory / "tsconfig.json").write_text(json.dumps(configuration))
    place.run(node, NODE / "node_modules" / "typescript" / "bin" / "tsc", "-p", ".")
    check_examples(place, [node], ".js")
