"""A plugin on a board that was flashed, behind all the walls it is to have there; part of `make image-test`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .board import Card
from .flashed import Life, ask, flashed, running, token, wait_for

FERRULE = Path(sys.executable).with_name("ferrule")
CONFIG = {"tag": "hall/plc/temp", "result": "derived/fahrenheit", "factor": 1.8, "offset": 32}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A plugin of a publisher, packed and signed at a workbench."""
    source, packed = tmp_path / "scale-reader", tmp_path / "plugin.tar.gz"
    ferrule("new", "scale-reader", "--directory", source)
    # It asks for the tags of another line.
    manifest = source / "manifest.json"
    manifest.write_text(manifest.read_text().replace("boiler/", "hall/"))
    (tmp_path / "publisher.toml").write_text(ferrule("keygen", tmp_path / "publisher.key", "--name", "workshop"))
    ferrule("pack", source, "--output", packed)
    ferrule("sign", packed, "--key", tmp_path / "publisher.key")
    return packed


def test_a_plugin_runs_behind_its_walls(fresh: Card, device: int, archive: Path) -> None:
    life = flashed(fresh, "plugins.img", device)
    trusted = archive.with_name("publisher.toml").read_text()
    life.card.write("ferrule.toml", f"{life.card.read('ferrule.toml')}\n{trusted}")
    with running(life):
        life.put(archive.read_bytes(), "/run/plugin.tar.gz")
        life.put(json.dumps(CONFIG).encode(), "/run/plugin.json")
        life.run("ferrule plugin publish /run/plugin.tar.gz")
        asked = "scale-reader --config /run/plugin.json --grant-all --activate --json"
        instance = json.loads(life.run(f"ferrule plugin install {asked}"))["id"]

        # From a reading of the device on the network to what the plugin makes of it, read over HTTPS.
        bearer = token(life)

        def derived() -> bool:
            # The tag is not there before the plugin has said it.
            found = ask(life, bearer, "tag.read", {"tags": [CONFIG["result"]]})
            return bool(found and found["readings"][0]["value"] == pytest.approx(4711 * 1.8 + 32))

        wait_for(derived)
        # It lacks nothing but what it lacks under any service manager; and the kernel says so of the process itself.
        shown = json.loads(life.run(f"ferrule plugin show {instance} --json"))
        assert {lacking["protection"] for lacking in shown["status"]["degraded"]} == {"own_user", "disk"}
        unit = life.run("systemctl list-units --plain --no-legend 'ferrule-plugin@*'").split()[0]
        plugin = processes(life, unit)["python3"]
        assert (plugin["Seccomp"], plugin["NoNewPrivs"], int(plugin["CapEff"], 16)) == ("2", "1", 0)
    life.card.path.unlink()


def processes(life: Life, unit: str) -> dict[str, dict[str, str]]:
    """What the kernel says of each process of a unit, by the name of its program."""
    group = life.run(f"systemctl show --value --property=ControlGroup '{unit}'").strip()
    said = life.run(
        f"find '/sys/fs/cgroup{group}' -name cgroup.procs -exec cat {{}} + | sed 's:.*:/proc/&/status:' | xargs cat"
    )
    found: dict[str, dict[str, str]] = {}
    rows: dict[str, str] = {}
    for row in said.splitlines():
        name, _, value = row.partition(":")
        if name == "Name":
            rows = found.setdefault(value.strip(), {})
        rows[name] = value.strip()
    return found


def ferrule(*words: object) -> str:
    """What a command for authors of plugins prints."""
    done = subprocess.run([FERRULE, "plugin", *map(str, words)], check=True, capture_output=True, text=True)
    return done.stdout
