"""The changelog is served as it comes with the gateway."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import httpx
import pytest

from gateway.api.rest.changelog import Changes, Release, releases_of
from tests.gateway.api.rig import Rig

ROOT = Path(__file__).parents[4]
TEXT = """\
# Changes

All changes.

## [Unreleased]

### Added
- One thing
  over two lines.
- Another.

### Fixed
- Less.

## [1.1.0] - 2026-11-22
### Removed
- `x`.

## 1.0.0 - 2026-01-13
"""


def test_it_is_read_by_versions_and_kinds() -> None:
    assert releases_of(TEXT) == [
        Release(
            version="Unreleased",
            date=None,
            changes=(
                Changes(kind="Added", entries=("One thing over two lines.", "Another.")),
                Changes(kind="Fixed", entries=("Less.",)),
            ),
        ),
        Release(version="1.1.0", date="2026-11-22", changes=(Changes(kind="Removed", entries=("`x`.",)),)),
        Release(version="1.0.0", date="2026-01-13", changes=()),
    ]
    assert releases_of("") == []


def test_the_one_of_the_project_can_be_read_whole() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    points = [words for release in releases_of(text) for changes in release.changes for words in changes.entries]
    assert len(points) == sum(line.startswith("- ") for line in text.splitlines())


def test_it_comes_with_the_package() -> None:
    assert resources.files("gateway").joinpath("CHANGELOG.md").read_bytes() == (ROOT / "CHANGELOG.md").read_bytes()
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    assert "CHANGELOG.md" in packaged["gateway"]


async def test_any_good_token_reads_it(rig: Rig, client: httpx.AsyncClient) -> None:
    reply = await client.get("/v1/tools/changelog", headers=rig.bearer("plugins:read"))
    assert reply.status_code == 200
    first = reply.json()["data"][0]
    assert first["version"] == "Unreleased"
    assert {changes["kind"] for changes in first["changes"]} >= {"Added", "Changed"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
async def test_nobody_else_does(rig: Rig, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig") as stranger:
        assert (await stranger.get("/v1/tools/changelog", headers=headers)).status_code == 401
