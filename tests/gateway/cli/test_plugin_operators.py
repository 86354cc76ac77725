"""``ferrule plugin`` for operators: what it asks a gateway, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.cli.main import main
from gateway.plugins.author.packing import pack, written_manifest
from tests.gateway.cli.peer import Peer, body_of, send, serving
from tests.gateway.plugins.making import MANIFEST, package

ID = "custom-integration-plugin"
PACKAGE = package()


class Registry(Peer):
    """A gateway with one plugin and some instances; what it was asked stands in ``asked``."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.asked: list[tuple[str, str, Any]] = []
        self.plugins: dict[str, dict[str, Any]] = {}
        self.instances: dict[str, dict[str, Any]] = {}
        self.calls_it = ID
        self.state = "active"
        self.error: dict[str, str] | None = None
        self.logs = [("log", "info", "weighing"), ("stderr", "error", "\x1b[2Jno scale")]
        self.ranges: list[str] = []

    def take(self, request: BaseHTTPRequestHandler) -> None:
        where, verb = urlsplit(request.path), request.command
        gzip = request.headers.get("Content-Type") == "application/gzip"
        length = int(request.headers.get("Content-Length") or 0)
        body: Any = request.rfile.read(length) if gzip else body_of(request)
        self.asked.append((verb, where.path, body))
        parts = where.path.split("/")[2:]
        match verb, parts:
            case "GET", ["plugins", id_] if id_ in self.plugins:
                send(request, {"data": self.plugins[id_]})
            case "GET", ["plugins"]:
                send(request, {"data": list(self.plugins.values()), "links": {}})
            case "POST", ["plugins"]:
                self.plugins[self.calls_it] = plugin(self.calls_it)
                send(request, {"data": self.plugins[self.calls_it]}, 201)
            case "PATCH", ["plugins", id_] if id_ in self.plugins:
                send(request, {"data": self.plugins[id_]})
            case "PUT", ["plugins", id_, "versions", _, "archive"]:
                send(request, {"data": self.plugins[id_]}, 201)
            case "GET", ["plugins", _, "versions", _, "archive"]:
                self.ranges.append(str(request.headers.get("Range")))
                send(request, PACKAGE[:-1], 206)
            case "POST", ["instances"]:
                made = instance("instance-00000000000000aa", "inactive")
                send(request, {"data": made}, 201)
            case "GET", ["instances"]:
                send(request, {"data": list(self.instances.values()), "links": {}})
            case "GET", ["instances", id_, "status"]:
                send(request, {"data": {"attributes": STATUS}})
            case "GET", ["instances", id_, "logs"]:
                after = int(parse_qs(where.query)["page[after]"][0])
                lines = [line(number, *one) for number, one in enumerate(self.logs, 1) if number > after]
                send(request, {"data": lines})
            case "POST", ["instances", id_, ("activate" | "deactivate")]:
                send(request, {"data": instance(id_, self.state, self.error)})
            case (("PUT" | "PATCH"), ["instances", id_, "config"]):
                send(request, {"data": instance(id_, "active", config=body["data"]["attributes"]["config"])})
            case "PATCH", ["instances", id_]:
                made = instance(id_, "initializing")
                made["attributes"] |= body["data"]["attributes"]
                if id_ in self.instances:
                    self.instances[id_]["attributes"] |= body["data"]["attributes"]
                send(request, {"data": made})
            case "DELETE", ["instances", _]:
                send(request, None, 204)
            case "GET", ["instances", id_] if id_ in self.instances:
                send(request, {"data": self.instances[id_]})
            case _:
                send(request, {"status": 404, "title": "Not Found", "detail": "there is nothing here."}, 404)

    def sent(self, verb: str) -> list[Any]:
        """The bodies of all requests of a kind."""
        return [body for one, _, body in self.asked if one == verb]


STATUS = {
    "health": {"status": "degraded", "detail": "no scale", "response_time": 1.0},
    "resource_usage": {"memory": 12 * 2**20, "peak_memory": None},
    "restarts": 2,
    "degraded": [{"protection": "network", "detail": "the network can be reached: install bubblewrap"}],
}


def plugin(id_: str) -> dict[str, Any]:
    about = {name: MANIFEST[name] for name in ("name", "version", "category", "description")}
    versions = [{"version": "1.0.0", "archive": True, "size": len(PACKAGE)}]
    more = {"status": "active", "downloads": 3, "rating": 4.5, "versions": versions}
    return {"type": "plugin", "id": id_, "attributes": {**about, **more}}


def instance(id_: str, state: str, error: Any = None, config: Any = None) -> dict[str, Any]:
    about = {
        "config": config or {"api_key": "********"},
        "permissions": ["read-tags"],
        "status": state,
        "version": "1.0.0",
        "region": None,
        "health_status": "degraded",
        "error": error,
        "installed_by": "operator:anna",
        "created_at": "2026-11-23T00:00:00Z",
    }
    related = {"plugin": {"data": {"type": "plugin", "id": ID}}}
    return {"type": "plugin-instance", "id": id_, "attributes": about, "relationships": related}


def line(number: int, source: str, level: str, text: str) -> dict[str, Any]:
    about = {"timestamp": "2026-11-23T00:00:00Z", "source": source, "level": level, "text": text}
    return {"type": "log-line", "id": str(number), "attributes": about}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serving(Registry(tmp_path)) as peer:
        yield peer


@pytest.fixture
def installed(registry: Registry) -> Registry:
    registry.plugins[ID] = plugin(ID)
    registry.instances["instance-00000000000000aa"] = instance("instance-00000000000000aa", "active")
    return registry


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    path = tmp_path / "plugin.tar.gz"
    path.write_bytes(PACKAGE)
    return path


def test_publish_says_what_the_package_says_and_sends_it(
    registry: Registry, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["plugin", "publish", str(signed), "--author", "Workshop", *registry.words]
    assert main(words) == 0
    assert f"ferrule plugin install {ID}" in capsys.readouterr().out
    [made] = registry.sent("POST")
    assert made["data"]["attributes"]["author"] == "Workshop"
    assert made["data"]["attributes"]["tags"] == MANIFEST["tags"]
    assert registry.sent("PUT") == [PACKAGE]
    # A second time it is a change of what is there.
    assert main(words) == 0
    assert [verb for verb, _, _ in registry.asked] == ["GET", "POST", "PUT", "GET", "PATCH", "PUT"]


def test_publish_sends_nothing_that_no_gateway_takes(
    registry: Registry, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = written_manifest({**MANIFEST}, {"main.py": b"1"})
    signed.write_bytes(pack(manifest, {"main.py": b"1"}))
    assert main(["plugin", "publish", str(signed), *registry.words]) == 2
    assert "is not signed" in capsys.readouterr().err
    signed.write_bytes(PACKAGE[:-9])
    assert main(["plugin", "publish", str(signed), *registry.words]) == 2
    assert "nothing was published" in capsys.readouterr().err
    assert main(["plugin", "publish", str(signed.parent), *registry.words]) == 2
    assert registry.asked == []


def test_publish_says_so_where_the_gateway_calls_it_otherwise(
    registry: Registry, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.calls_it = "another"
    assert main(["plugin", "publish", str(signed), *registry.words]) == 2
    assert "write that as id into manifest.json" in capsys.readouterr().err
    assert registry.sent("PUT") == []


def test_install_grants_what_is_said_and_never_more_than_was_asked_for(
    installed: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"api_key": "1"}')
    words = ["plugin", "install", ID, *installed.words]
    assert main(words) == 2
    assert "it asks to be allowed:\n  read-tags\n" in capsys.readouterr().err
    assert main([*words, "--grant", "write-tags"]) == 2
    assert "it does not ask for it" in capsys.readouterr().err
    assert main([*words, "--grant", "fly"]) == 2
    assert "it does not ask for it" in capsys.readouterr().err
    assert main([*words, "--grant", "Fly!"]) == 2
    assert "this is no permission" in capsys.readouterr().err
    assert installed.sent("POST") == []
    assert main([*words, "--grant", "read-tags:boiler/*", "--config", str(config), "--region", "hall"]) == 0
    [sent] = installed.sent("POST")
    assert sent["data"]["attributes"] == {
        "config": {"api_key": "1"},
        "permissions": ["read-tags:boiler/*"],
        "version": "1.0.0",
        "region": "hall",
    }
    assert sent["data"]["relationships"]["plugin"]["data"]["id"] == ID
    assert "It is inactive: ferrule plugin activate" in capsys.readouterr().out
    # To look at what it asks for is no download.
    assert set(installed.ranges) == {f"bytes=0-{len(PACKAGE) - 2}"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], 'no plugin "nothing" is published'),
        ([ID, "--version", "9.0.0"], f"{ID} has no package of 9.0.0; there are: 1.0.0"),
        ([ID, "--config", "absent.json"], "absent.json: No such file"),
        ([ID, "--grant-all", "--config", "list.json"], "a configuration is an object"),
        ([ID, "--grant-all", "--config", "bad.json"], "bad.json:1:2: is no JSON"),
    ],
)
def test_what_cannot_be_installed_is_told_with_the_cure(
    words: list[str], told: str, installed: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bad.json").write_text("{'a': 1}")
    placed = [str(tmp_path / word) if word.endswith(".json") else word for word in words]
    assert main(["plugin", "install", *placed, *installed.words]) == 2
    assert told in capsys.readouterr().err
    assert installed.sent("POST") == []


def test_what_was_installed_and_falls_ends_with_1_and_says_where_to_look(
    installed: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    installed.state, installed.error = "error", {"reason": "ended", "message": "it ended by itself"}
    assert main(["plugin", "install", ID, "--grant-all", "--activate", *installed.words]) == 1
    shown = capsys.readouterr().out
    assert "is error: it ended by itself" in shown
    assert "ferrule plugin log instance-00000000000000aa" in shown
    assert main(["plugin", "activate", ID, "--json", *installed.words]) == 1
    assert json.loads(capsys.readouterr().out)["attributes"]["status"] == "error"


def test_lists_name_what_is_installed_and_what_can_be(installed: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", *installed.words]) == 0
    assert "instance-00000000000000aa" in capsys.readouterr().out
    assert main(["plugin", "list", "--published", *installed.words]) == 0
    assert "4.5" in capsys.readouterr().out
    for words, name in (([], "instances"), (["--published"], "plugins")):
        assert main(["plugin", "list", *words, "--json", *installed.words]) == 0
        assert json.loads(capsys.readouterr().out)["total"] == 1, name
    installed.instances.clear()
    installed.plugins.clear()
    for words in ([], ["--published"]):
        assert main(["plugin", "list", *words, *installed.words]) == 0
        assert "no plugin is" in capsys.readouterr().out


@pytest.mark.parametrize("word", [ID, "00aa", "instance-00000000000000aa"])
def test_an_instance_is_meant_by_its_plugin_its_id_or_the_end_of_that(
    word: str, installed: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "show", word, *installed.words]) == 0
    shown = capsys.readouterr().out
    assert "health: degraded (no scale)" in shown
    assert "memory: 12 MiB" in shown
    assert "not protected: the network can be reached" in shown
    assert main(["plugin", "show", "zzzz", *installed.words]) == 2
    assert 'no instance "zzzz"' in capsys.readouterr().err


def test_several_instances_of_a_plugin_are_told_apart(installed: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    installed.instances["instance-00000000000000bb"] = instance("instance-00000000000000bb", "active")
    assert main(["plugin", "uninstall", ID, *installed.words]) == 2
    assert "several instances are meant" in capsys.readouterr().err
    assert installed.sent("DELETE") == []
    assert main(["plugin", "uninstall", "00bb", *installed.words]) == 0
    assert "is removed, with all it kept" in capsys.readouterr().out
    assert [path for verb, path, _ in installed.asked if verb == "DELETE"] == [
        "/v1/instances/instance-00000000000000bb"
    ]


def test_a_log_is_shown_without_what_moves_a_cursor(installed: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "log", ID, *installed.words]) == 0
    shown = capsys.readouterr().out
    assert "log    weighing" in shown
    assert "\\x1b[2Jno scale" in shown
    assert main(["plugin", "log", ID, "--json", *installed.words]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 2


def test_a_configuration_is_shown_replaced_and_merged(
    installed: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.json").write_text('{"days": 9}')
    assert main(["plugin", "config", ID, *installed.words]) == 0
    assert json.loads(capsys.readouterr().out) == {"api_key": "********"}
    for words in ([], ["--merge"]):
        assert main(["plugin", "config", ID, "--set", str(tmp_path / "c.json"), *words, *installed.words]) == 0
        assert json.loads(capsys.readouterr().out) == {"days": 9}
    assert [len(installed.sent(verb)) for verb in ("PUT", "PATCH")] == [1, 1]


def test_deactivate_says_what_became_of_it(installed: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    installed.state = "inactive"
    assert main(["plugin", "deactivate", ID, *installed.words]) == 0
    assert f"({ID}) is inactive" in capsys.readouterr().out


def test_update_takes_the_newest_version_and_keeps_what_was_granted(
    installed: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "update", ID, *installed.words]) == 0
    shown = capsys.readouterr().out
    assert f"{ID} 1.0.0 with read-tags\n" in shown
    # The gateway has it started behind its answer: what is told is what came of that.
    assert shown.endswith(f"({ID}) is active\n")
    assert main(["plugin", "update", ID, "--grant", "read-tags:a/*", *installed.words]) == 0
    assert "it also asks for read-tags, which is not granted" in capsys.readouterr().out
    sent = [body["data"]["attributes"] for body in installed.sent("PATCH")]
    assert sent == [
        {"version": "1.0.0", "permissions": ["read-tags"]},
        {"version": "1.0.0", "permissions": ["read-tags:a/*"]},
    ]
    # A version that falls is told as one that falls, also to programs.
    installed.instances["instance-00000000000000aa"]["attributes"] |= {
        "status": "error",
        "error": {"reason": "ended", "message": "it ended by itself"},
    }
    assert main(["plugin", "update", ID, *installed.words]) == 1
    assert "is error: it ended by itself" in capsys.readouterr().out
    assert main(["plugin", "update", ID, "--json", *installed.words]) == 1
    assert json.loads(capsys.readouterr().out)["attributes"]["status"] == "error"
    assert main(["plugin", "update", ID, "--version", "2.0.0", *installed.words]) == 2
    assert "has no package of 2.0.0" in capsys.readouterr().err
    installed.instances["instance-00000000000000aa"]["attributes"]["permissions"] = ["write-tags"]
    assert main(["plugin", "update", ID, *installed.words]) == 2
    assert "does not ask for write-tags any more" in capsys.readouterr().err
    installed.plugins.clear()
    assert main(["plugin", "update", ID, *installed.words]) == 2
    assert "is published no more" in capsys.readouterr().err
