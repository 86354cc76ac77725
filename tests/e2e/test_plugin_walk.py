"""docs/plugins.md is walked as somebody new would: every command pasted into a shell as it stands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.programs import FERRULE, PATIENCE_S
from tests.e2e.site import Site

pytestmark = pytest.mark.e2e
MANUAL = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()


def commands(*chapters: str) -> str:
    """The shell commands of some chapters, in their order."""
    found = []
    for chapter in chapters:
        text = re.search(rf"^## {re.escape(chapter)}\n.*?(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL)
        assert text is not None, chapter
        found += re.findall(r"^```sh\n(.*?)^```", text[0], re.MULTILINE | re.DOTALL)
    return "".join(found)


def pasted(text: str, place: Path, site: Site) -> str:
    """Run commands in one shell that stops at the first that fails; what they print."""
    script = text.replace("/etc/ferrule/ferrule.toml", str(site.config))
    environment = {
        "PATH": f"{Path(FERRULE).parent}:{os.environ['PATH']}",
        "HOME": str(place),
        "FERRULE_STATE": str(site.state),
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S * 6,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_from_nothing_to_a_package(site: Site, tmp_path: Path) -> None:
    site.configure()
    site.start()
    place = tmp_path / "author"
    place.mkdir()
    told = pasted(commands("From nothing to a package"), place, site)
    assert '"tag": "derived/fahrenheit", "value": 68.0' in told
    assert "scale-reader 0.1.0: 12 files, signed by publisher.key; a gateway takes it\n" in told
    assert (place / "publisher.key").stat().st_mode & 0o777 == 0o600
    assert '[[plugin.publisher]]\nname = "workshop"\n' in site.config.read_text()
