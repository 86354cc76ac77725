"""The plugins in ``ferrule status``: how many run, which should and do not, and what there is no protection from."""

from __future__ import annotations

from collections import Counter

from gateway.cli.client import CallError, Client, Json
from gateway.cli.clients import every
from gateway.cli.main import DENIED, UNREACHED
from gateway.cli.plugin_list import INSTANCES, plugin_of
from gateway.cli.troubles import Trouble

SCOPE = "instances:read"
_RUNS = "active"
_PARKED = "parked"
_ILL = {"unhealthy": "red", "degraded": "yellow"}


def plugins_of(client: Client) -> Json | None:
    """The instances there are; None where the token that was given may not ask.

    What is not known is None, with the reason: a disk that does not give them must not hide lines and devices.
    """
    try:
        instances = every(client, INSTANCES)
        unprotected = _unprotected(client, instances)
    except CallError as error:
        if error.code == DENIED:
            return None
        if error.code == UNREACHED:
            raise
        return {"total": None, "states": None, "unprotected": None, "instances": None, "reason": str(error)}
    return {
        "total": len(instances),
        "states": dict(Counter(state_of(one) for one in instances)),
        "unprotected": unprotected,
        "instances": instances,
        "reason": None,
    }


def state_of(instance: Json) -> str:
    """The state of an instance; one that ran out of lives is parked."""
    about = instance["attributes"]
    error = about["error"]
    return _PARKED if error is not None and error["reason"] == _PARKED else str(about["status"])


def say_plugins(found: Json | None) -> tuple[str, str]:
    """The plugins in one line, and its style."""
    if found is None:
        return f'plugins: not shown, the token lacks "{SCOPE}"', ""
    if found["reason"] is not None:
        return f"plugins: not known: {found['reason']}", "yellow"
    total: int = found["total"]
    states: Counter[str] = Counter(found["states"])
    if not total:
        return "plugins: none installed", ""
    running = states.pop(_RUNS, 0)
    others = [f"{number} {state}" for state, number in sorted(states.items())]
    sandbox = ""
    if found["unprotected"]:
        lacking = ", ".join(one["protection"].replace("_", " ") for one in found["unprotected"])
        sandbox = f"; the sandbox lacks {lacking}: ferrule plugin show says what to install"
    elif found["unprotected"] is not None:
        sandbox = "; the sandbox is whole"
    verb = "runs" if running == 1 else "run"
    style = "yellow" if found["unprotected"] or states.keys() & {_PARKED, "error"} else ""
    return f"plugins: {', '.join([f'{running} of {total} {verb}', *others])}{sandbox}", style


def plugins_in_trouble(found: Json | None) -> list[Trouble]:
    """Those that should run and do not, and those that say they are not well."""
    return [trouble for one in (found or {}).get("instances") or () if (trouble := _trouble(one)) is not None]


def _trouble(instance: Json) -> Trouble | None:
    about, state = instance["attributes"], state_of(instance)
    name = f"plugin {plugin_of(instance)} ({instance['id']})"
    component = f"plugin:{instance['id']}"
    if state in {_PARKED, "error"}:
        error = about["error"]
        why = "" if error is None else f": {error['message']}"
        known = "parked, and tried again every ten minutes" if state == _PARKED else "not running"
        return Trouble(component, state, f"{name} is {known}{why}: ferrule plugin log {instance['id']}")
    if state == _RUNS and about["health_status"] in _ILL:
        words = f"{name} says it is {about['health_status']}: ferrule plugin show {instance['id']}"
        return Trouble(component, "health", words, _ILL[about["health_status"]])
    return None


def _unprotected(client: Client, instances: list[Json]) -> list[Json] | None:
    """What there is no protection from: the same for all, so that one which runs is asked."""
    running = next((one for one in instances if state_of(one) == _RUNS), None)
    if running is None:
        return None
    status = client.look(f"{INSTANCES}/{running['id']}/status")["data"]["attributes"]
    found: list[Json] | None = status["degraded"]
    return found
