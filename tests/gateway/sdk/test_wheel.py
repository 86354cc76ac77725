"""The kit as strangers get it: a wheel of its own, in a place where there is no gateway."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from setuptools import find_packages  # type: ignore[import-untyped] # it has no stubs of its own

from gateway.sdk import ferrule_client
from gateway.sdk.ferrule_client.session import USER_AGENT

ROOT = Path(__file__).parents[3]
KIT = ROOT / "gateway" / "sdk" / "ferrule_client"
# What httpx consists of; the places of other packages are not opened to it.
NEEDED = ("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "typing_extensions")

PROGRAM = """
import sys, asyncio
from ferrule_client import AsyncFerruleClient, ConfigurationError, Ed25519Key, FerruleClient, Outcome, SharedSecret
from ferrule_client import TokenManager
from ferrule_client.signature import sign_card

card = {"agentId": "a", "capabilities": [{"id": "x"}]}
assert sign_card(card, SharedSecret("k", bytes(32)), 0).count(".") == 2
tokens = TokenManager(bytes(32))
assert tokens.validate(tokens.generate("a", ["x"]), card)
with FerruleClient("https://127.0.0.1:9", card, ca=sys.argv[1], key=SharedSecret("k", bytes(32))) as client:
    assert client.write_tag("a/b/c", 1).outcome is Outcome.NOT_SENT

async def asynchronously():
    async with AsyncFerruleClient("https://127.0.0.1:9", ca=sys.argv[1]) as client:
        assert (await client.write_tag("a/b/c", 1)).outcome is Outcome.NOT_SENT

asyncio.run(asynchronously())
try:
    Ed25519Key("k", bytes(32))
except ConfigurationError as error:
    assert str(error).endswith("pip install cryptography")
else:
    raise AssertionError("cryptography is not there")
with FerruleClient("https://127.0.0.1:9", ca=sys.argv[1], token="t.t.t") as client:
    try:
        next(client.follow_events(["alarms"]))
    except ConfigurationError as error:
        assert str(error).endswith("pip install wsproto")
    else:
        raise AssertionError("wsproto is not there")
strangers = {"gateway", "drivers", "cryptography", "trio", "msgspec"} & sys.modules.keys()
assert not strangers, strangers
print("works")
"""


def test_everything_that_belongs_to_it_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {f"ferrule_client/{path.name}" for path in KIT.glob("*.py")}
    assert {name for name in names if name.startswith("ferrule_client/")} == modules | {"ferrule_client/py.typed"}
    assert {name.partition("/")[0].partition(".dist-info")[0] for name in names} == {
        "ferrule_client",
        "ferrule_client-0.1.0",
    }


def test_its_versions_agree() -> None:
    project = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ferrule_client.__version__
    assert f"ferrule-client/{ferrule_client.__version__}" == USER_AGENT
    assert [requirement.partition(">")[0] for requirement in project["dependencies"]] == ["httpx"]


def test_the_gateways_own_wheel_does_not_have_it() -> None:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    packages = find_packages(str(ROOT), include=found["include"], exclude=found["exclude"])
    assert "gateway.access" in packages
    # That of plugins goes with the gateway, which packs it into plugins.
    assert {name for name in packages if name.startswith("gateway.sdk")} == {
        "gateway.sdk",
        "gateway.sdk.ferrule_plugin",
    }


def test_it_works_where_there_is_no_gateway(wheel: Path, ca: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    install: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    subprocess.run(install, check=True, timeout=120)
    packages = next((place / "lib").glob("python3*/site-packages"))
    for name in NEEDED:
        _lend(name, packages)
    (tmp_path / "program.py").write_text(PROGRAM)
    ran = subprocess.run(
        [python, "-I", "-W", "error", tmp_path / "program.py", ca],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert (ran.stdout, ran.stderr) == ("works\n", "")


def _lend(name: str, packages: Path) -> None:
    """Make an installed package seen in another environment."""
    files = distribution(name).files
    if files is None:
        pytest.fail(f"{name} does not say what it consists of")
    for top in {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}:
        (packages / top).symlink_to(Path(str(distribution(name).locate_file(top))).resolve())
