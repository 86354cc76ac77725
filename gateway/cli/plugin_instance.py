"""``ferrule plugin show | log | activate | deactivate | config | uninstall``: one instance."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import FAILED, CommandError
from gateway.cli.plugin_document import object_of
from gateway.cli.plugin_list import INSTANCES, STYLES, one_of, plugin_of
from gateway.cli.screen import Screen

READ, WRITE = "instances:read", "instances:write"
# Between two looks at a log.
LOOK_EVERY_S = 1.0
_LINES = 200
# As long as the gateway itself waits for one that is activated.
_BETWEEN_LOOKS_S, _LOOKS = 0.25, 40
_LEVELS = {"warning": "yellow", "error": "red"}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    act: str = arguments.act
    reads = act in {"show", "log"} or (act == "config" and arguments.file is None)
    try:
        with Client(arguments, (READ,) if reads else (READ, WRITE)) as client:
            return _ACTS[act](client, Screen(), arguments)
    except CallError as error:
        if reads or error.sent:
            raise
        raise CommandError(f"{error}; nothing was changed", error.code) from None


def tell_state(screen: Screen, instance: Json) -> int:
    """Say what became of an instance; the exit code for it."""
    about = instance["attributes"]
    state, error = about["status"], about["error"]
    why = "" if error is None else f": {error['message']}"
    screen.line(f"{instance['id']} ({plugin_of(instance)}) is {state}{why}", STYLES.get(state, ""))
    if error is not None:
        screen.line(f"ferrule plugin log {instance['id']} shows what it says", "dim")
    return FAILED if state == "error" else 0


def settled(client: Client, instance: Json) -> Json:
    """An instance that is being started, when that is done; after some seconds: as it is then."""
    for _ in range(_LOOKS):
        if instance["attributes"]["status"] != "initializing":
            break
        time.sleep(_BETWEEN_LOOKS_S)
        instance = client.look(f"{INSTANCES}/{instance['id']}")["data"]
    return instance


def _show(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    found = one_of(client, arguments.instance)
    status = client.look(f"{INSTANCES}/{found['id']}/status")["data"]["attributes"]
    if arguments.json:
        screen.json({**found, "status": status})
        return 0
    about, usage, health = found["attributes"], status["resource_usage"], status["health"]
    tell_state(screen, found)
    detail = f" ({health['detail']})" if health["detail"] else ""
    rows = {
        "version": about["version"],
        "permissions": ", ".join(about["permissions"]) or None,
        "health": None if health["status"] is None else f"{health['status']}{detail}",
        "memory": _mebi(usage["memory"]),
        "memory at most": _mebi(usage["peak_memory"]),
        "restarts": status["restarts"],
        "installed": f"{about['created_at']} by {about['installed_by']}",
        "region": about["region"],
    }
    for name, value in rows.items():
        screen.line(f"  {name}: {'-' if value is None else value}")
    for one in status["degraded"] or ():
        screen.line(f"  not protected: {one['detail']}", "yellow")
    return 0


def _log(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    id_, after = one_of(client, arguments.instance)["id"], 0
    while True:
        lines = client.look(f"{INSTANCES}/{id_}/logs?page[size]={_LINES}&page[after]={after}")["data"]
        after = max([after, *(int(line["id"]) for line in lines)])
        if arguments.json and not arguments.follow:
            screen.json({"lines": lines, "total": len(lines)})
            return 0
        for line in lines:
            _tell(screen, line, as_json=arguments.json)
        if not arguments.follow:
            return 0
        try:
            time.sleep(LOOK_EVERY_S)
        except KeyboardInterrupt:
            return 0


def _tell(screen: Screen, line: Json, *, as_json: bool) -> None:
    if as_json:
        screen.json(line, one_line=True)
        return
    about = line["attributes"]
    text = f"{about['timestamp']} {about['source']:<6} {about['text']}"
    screen.line(text, _LEVELS.get(about["level"], ""))


def _switch(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    id_ = one_of(client, arguments.instance)["id"]
    done = client.act("POST", f"{INSTANCES}/{id_}/{arguments.act}")["data"]
    if arguments.json:
        screen.json(done)
        return FAILED if done["attributes"]["status"] == "error" else 0
    return tell_state(screen, done)


def _config(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    found = one_of(client, arguments.instance)
    if arguments.file is not None:
        data: Json = {"type": "plugin-instance", "id": found["id"], "attributes": {"config": object_of(arguments.file)}}
        verb = "PATCH" if arguments.merge else "PUT"
        found = client.act(verb, f"{INSTANCES}/{found['id']}/config", data)["data"]
    screen.json(found["attributes"]["config"])
    return 0


def _uninstall(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    found = one_of(client, arguments.instance)
    client.act("DELETE", f"{INSTANCES}/{found['id']}")
    if arguments.json:
        screen.json({"removed": found["id"]})
    else:
        screen.line(f"{found['id']} ({plugin_of(found)}) is removed, with all it kept")
    return 0


def _mebi(size: int | None) -> str | None:
    return None if size is None else f"{size / 2**20:.0f} MiB"


_Act = Callable[[Client, Screen, argparse.Namespace], int]
_ACTS: dict[str, _Act] = {
    "show": _show,
    "log": _log,
    "activate": _switch,
    "deactivate": _switch,
    "config": _config,
    "uninstall": _uninstall,
}
