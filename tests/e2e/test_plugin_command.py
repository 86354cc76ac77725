"""``ferrule plugin run`` with real processes in the real sandbox."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, PATIENCE_S, Program, ferrule, needed, until

pytestmark = pytest.mark.e2e
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "plugins"


def tries(*words: str | Path, steps: str = "") -> tuple[int, list[dict[str, Any]], str]:
    """Run one to its end; its exit code, what was said, and its complaints."""
    done = subprocess.run(
        [FERRULE, "plugin", "run", *map(str, words), "--json"],
        input=steps,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 3,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def published(said: list[dict[str, Any]]) -> list[tuple[str, object, str]]:
    found = [one["body"] for one in said if one.get("method") == "reading.publish" and one["what"] == "request"]
    return [(one["tag"], one["value"], one["quality"]) for one in found]


def test_a_new_plugin_runs_as_it_is(tmp_path: Path) -> None:
    assert ferrule("plugin", "new", "Scale Reader", cwd=tmp_path).returncode == 0
    place = tmp_path / "scale-reader"
    words = (place, "--config", place / "config.example.json", "--tag", "boiler/plc/temp=20")
    code, said, complaints = tries(*words, steps="boiler/plc/temp=25\nboiler/plc/temp=\n")
    assert code == 0, complaints
    assert published(said) == [
        ("derived/fahrenheit", 68.0, "good"),
        ("derived/fahrenheit", 77.0, "good"),
        ("derived/fahrenheit", None, "bad"),
    ]
    # What is not packed is not there: the sandbox shows the package, not the directory.
    (place / "main.py").write_text("import os\nprint(sorted(os.listdir()), os.environ.get('HOME'), flush=True)\n")
    code, said, _ = tries(*words)
    assert code == 1
    [printed] = [one["body"] for one in said if one.get("from") == "printed"]
    assert "test_main.py" not in printed
    assert "main.py" in printed
    assert "ended by itself with code 0" in said[-1]["fell"]


def test_the_derived_tag_of_the_examples_runs(tmp_path: Path) -> None:
    config = {"supply": "heat/plc/s", "return": "heat/plc/r", "flow": "heat/plc/f", "result": "derived/power"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tags.json").write_text(json.dumps({"heat/plc/s": 70, "heat/plc/r": 50, "heat/plc/f": 0.5}))
    (tmp_path / "events").write_text('{"tag": "heat/plc/s", "value": 60.0}\nmessage power\n')
    words = ("--config", tmp_path / "config.json", "--tags", tmp_path / "tags.json", "--events", tmp_path / "events")
    code, said, complaints = tries(EXAMPLES / "derived-tag", *words)
    assert code == 0, complaints
    assert published(said) == [("derived/power", 41.9, "good"), ("derived/power", 20.95, "good")]
    [answer] = [one["body"] for one in said if one.get("method") == "message" and one["what"] == "answer"]
    assert answer == {"kilowatts": 20.95}


def test_the_raw_scale_of_the_examples_runs_in_node(tmp_path: Path) -> None:
    needed("node")
    (tmp_path / "config.json").write_text('{"line": "scale", "tag": "scale/weight", "period": 0.1}')
    code, said, complaints = tries(
        EXAMPLES / "raw-scale", "--config", tmp_path / "config.json", "--serial", "scale=ST,GS,+  12.34kg", "--for", "3"
    )
    assert code == 0, complaints
    assert ("scale/weight", 12.34, "good") in published(said)


@pytest.mark.parametrize(("example", "told"), [("derived-tag", "41.9"), ("raw-scale", "12.34")])
def test_what_the_readme_of_an_example_says_works(example: str, told: str, tmp_path: Path) -> None:
    if example == "raw-scale":
        needed("node")
    shutil.copytree(EXAMPLES / example, tmp_path / example)
    [commands] = re.findall(
        r"^```sh\n(.*?)^```", (EXAMPLES / example / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    path = f"{Path(FERRULE).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=tmp_path / example,
        env={"PATH": path, "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S * 3,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf'<- reading.publish .*"value": {re.escape(told)}, "quality": "good"', done.stdout)
    assert (tmp_path / example / f"{example}.tar.gz").exists()


def test_it_ends_when_it_is_told_to_and_leaves_nothing(tmp_path: Path, start: Start) -> None:
    assert ferrule("plugin", "new", "Scale Reader", cwd=tmp_path).returncode == 0
    place = tmp_path / "scale-reader"
    words = ("--config", place / "config.example.json", "--tag", "boiler/plc/temp=20", "--for", "3600")
    program: Program = start(FERRULE, "plugin", "run", place, *words)
    until(lambda: "reading.publish answered" in program.stdout, "it has published")
    assert program.stop(signal.SIGINT) == 0
    assert program.stdout.splitlines()[-1].startswith("healthy")


def test_who_reads_only_the_beginning_ends_it(tmp_path: Path) -> None:
    assert ferrule("plugin", "new", "Scale Reader", cwd=tmp_path).returncode == 0
    (tmp_path / "scale-reader" / "main.py").write_text("while True: print('weighing ' * 100)\n")
    words = f"{FERRULE} plugin run scale-reader --config scale-reader/config.example.json --for 3600 | head -2"
    done = subprocess.run(
        ["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE_S * 3
    )
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_commands_pasted_into_a_shell_find_the_kit_nowhere_else(tmp_path: Path) -> None:
    """The tests of a new plugin run with the Python of the system, where no gateway is installed."""
    assert ferrule("plugin", "new", "Scale Reader", cwd=tmp_path).returncode == 0
    done = subprocess.run(
        [needed("python3"), "-I", "-c", "import sys, unittest; sys.path.insert(0, '.'); unittest.main('test_main')"],
        cwd=tmp_path / "scale-reader",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S * 2,
    )
    assert done.returncode == 0, done.stderr
