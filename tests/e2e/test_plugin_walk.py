"""docs/plugins.md is walked as somebody new would: every command pasted into a shell as it stands."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, PATIENCE_S, ferrule, free_port
from tests.e2e.simulated import POLL
from tests.e2e.site import Site, device, tcp_line
from tests.gateway.plugins.host.real import open_place

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
        timeout=PATIENCE_S * 15,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def site() -> Iterator[Site]:
    """A place for a gateway that users of plugins can pass, where the tests run as root."""
    with open_place() as place:
        made = Site(place / "site")
        try:
            yield made
            made.close()
        finally:
            for gateway in made.gateways:
                gateway.hang_up()
                gateway.kill()


PLANT = """
[[line]]
name = "boiler"
transport = "tcp"
tcp_port = {port}

[[line.device]]
name = "plc"
unit = 1
point = [{{ name = "temp", table = "holding", address = 0, value = 20 }}]
"""


NEXT_VERSION = """
sed -i 's/"0.1.0"/"0.2.0"/' scale-reader/manifest.json
ferrule plugin pack scale-reader
ferrule plugin sign scale-reader-0.2.0.tar.gz --key publisher.key
ferrule plugin publish scale-reader-0.2.0.tar.gz
ferrule plugin update scale-reader
"""


def test_from_nothing_to_a_running_plugin(site: Site, start: Start, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "plant.toml").write_text(PLANT.format(port=port))
    start(FERRULE, "simulate", tmp_path / "plant.toml", "--directory", tmp_path).line("serving")
    temp = 'name = "temp", table = "holding", address = 0, type = "uint16"'
    site.configure(tcp_line("boiler", port, device("plc", 1, [temp], POLL)))
    gateway = site.start()
    gateway.awaits("boiler/plc/temp", quality="good")
    place = tmp_path / "author"
    place.mkdir()
    before, read, after = commands("From nothing to a running plugin").partition("ferrule read derived/")
    told = pasted(before, place, site)
    assert '"tag": "derived/fahrenheit", "value": 68.0' in told
    assert "scale-reader 0.1.0: 12 files, signed by publisher.key; a gateway takes it\n" in told
    assert (place / "publisher.key").stat().st_mode & 0o777 == 0o600
    assert '[[plugin.publisher]]\nname = "workshop"\n' in site.config.read_text()
    assert "(scale-reader) is active" in told
    # A trial sees the tags of a running gateway, and what it writes or publishes there goes nowhere.
    tries = ("plugin", "run", place / "scale-reader", "--connect", "--for", "3", "--state", site.state)
    done = ferrule(*tries, "--config", place / "scale-reader" / "config.example.json")
    assert done.returncode == 0, done.stderr
    assert '"tag": "derived/fahrenheit", "value": 68.0' in done.stdout
    # What the plugin makes of the tag of a device is there for everybody.
    gateway.awaits("derived/fahrenheit", quality="good", value=68.0)
    told = pasted(NEXT_VERSION, place, site)
    assert "scale-reader 0.2.0 with read-tags:boiler/*" in told
    gateway.awaits("derived/fahrenheit", quality="good", value=68.0)
    told = pasted(read + after, place, site)
    assert "68" in told.splitlines()[1]
    assert "health: healthy" in told
    assert "(scale-reader) is inactive" in told
    assert told.endswith("(scale-reader) is removed, with all it kept\n")
