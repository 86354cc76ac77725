"""What ``ferrule status`` tells of plugins."""

from __future__ import annotations

import argparse
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.cli.client import CallError, Client
from gateway.cli.options.connection import add_connection
from gateway.cli.plugin_glance import plugins_in_trouble, plugins_of, say_plugins
from gateway.cli.troubles import ordered
from tests.gateway.cli.peer import Peer, send, serving

LACKING = [
    {"protection": "memory_in_all", "detail": "memory of all its processes is measured, not bounded"},
    {"protection": "cpu", "detail": "processor time is measured"},
]


class Host(Peer):
    """A gateway with instances; ``status`` answers in their place where it is not 200."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.instances: list[dict[str, Any]] = []
        self.lacking: list[dict[str, str]] | None = []
        self.status = 200

    def take(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        if self.status != 200:
            meta = {"required_scope": "instances:read"} if self.status == 403 else {"retry_after": 5}
            send(request, {"detail": "the disk is away.", "errors": [{"meta": meta}]}, self.status)
        elif path.endswith("/status"):
            assert path == "/v1/instances/instance-1/status", "one that runs"
            send(request, {"data": {"attributes": {"degraded": self.lacking}}})
        else:
            send(request, {"data": self.instances, "links": {}})

    def look(self) -> Any:
        parser = argparse.ArgumentParser()
        add_connection(parser)
        with Client(parser.parse_args(self.words)) as client:
            return plugins_of(client)


def instance(number: int, status: str = "active", health: str | None = None, **error: str) -> dict[str, Any]:
    return {
        "id": f"instance-{number}",
        "attributes": {"status": status, "health_status": health, "error": error or None},
        "relationships": {"plugin": {"data": {"id": "scale"}}},
    }


PARKED = {"reason": "parked", "message": "it crashed: no scale"}


def test_one_line_says_how_many_run_what_the_others_do_and_what_the_sandbox_lacks(tmp_path: Path) -> None:
    with serving(Host(tmp_path)) as host:
        host.instances = [instance(4, "error", **PARKED), instance(2, "inactive"), instance(1), instance(3)]
        host.lacking = LACKING
        found = host.look()
        assert found["states"] == {"parked": 1, "inactive": 1, "active": 2}
        assert say_plugins(found) == (
            (
                "plugins: 2 of 4 run, 1 inactive, 1 parked; the sandbox lacks memory in all, cpu: "
                "ferrule plugin show says what to install"
            ),
            "yellow",
        )
        host.instances, host.lacking = [instance(1)], []
        assert say_plugins(host.look()) == ("plugins: 1 of 1 runs; the sandbox is whole", "")
        # Where none runs nobody has looked what the sandbox is made of.
        host.instances = [instance(2, "inactive")]
        assert say_plugins(host.look()) == ("plugins: 0 of 1 run, 1 inactive", "")
        host.instances = []
        assert say_plugins(host.look()) == ("plugins: none installed", "")


def test_what_should_run_and_does_not_is_among_what_is_wrong() -> None:
    found = {
        "instances": [
            instance(1),
            instance(2, "inactive"),
            instance(3, "active", "degraded"),
            instance(4, "error", **PARKED),
            instance(5, "error", reason="not_started", message="its package is gone"),
        ]
    }
    assert [trouble.words for trouble in ordered([], plugins_in_trouble(found))] == [
        "plugin scale (instance-3) says it is degraded: ferrule plugin show instance-3",
        (
            "plugin scale (instance-4) is parked, and tried again every ten minutes: it crashed: no scale: "
            "ferrule plugin log instance-4"
        ),
        "plugin scale (instance-5) is not running: its package is gone: ferrule plugin log instance-5",
    ]
    assert plugins_in_trouble(None) == []


def test_who_may_not_see_them_is_told_and_a_disk_that_is_away_hides_nothing_else(tmp_path: Path) -> None:
    with serving(Host(tmp_path)) as host:
        host.status = 403
        assert say_plugins(host.look()) == ('plugins: not shown, the token lacks "instances:read"', "")
        host.status = 503
        words, style = say_plugins(host.look())
        assert (words, style) == ("plugins: not known: the disk is away; try again in 5 s", "yellow")
        assert plugins_in_trouble(host.look()) == []


def test_a_gateway_that_is_gone_is_told_as_always(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.server.server_close()
    with pytest.raises(CallError):
        host.look()
