"""docs/rest.md names every path of the plugin API with its scope, and the limits of bodies and pages as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from gateway.access.oauth.api_keys import ApiKeys
from gateway.access.oauth.clients import Clients
from gateway.access.oauth.plugin_tokens import PluginTokens
from gateway.api.rest.oauth_clients import client_routes
from gateway.api.rest.oauth_keys import key_routes
from gateway.api.rest.paging import LARGEST_PAGE, PAGE_SIZE
from gateway.api.rest.plugin_exchange import talk_routes
from gateway.api.rest.plugin_tokens import plugin_token_routes
from gateway.api.rest.problems import TITLES
from gateway.api.rest.route import LARGEST_BODY
from gateway.api.rest.sdk_shelf import Shelf
from gateway.api.rest.sdks import Counted, sdk_routes
from gateway.api.rest.table import plugin_routes
from gateway.api.rest.trials import Dispatch, Judge, Trials, trial_routes
from gateway.api.rest.updates import Board as UpdatedBoard
from gateway.api.rest.updates import update_routes
from gateway.api.rest.users import People, user_routes
from tests.gateway.api.accounts import Accounts
from tests.gateway.api.installed import Installed
from tests.gateway.api.registry import Plugins
from tests.gateway.api.services import Services
from tests.gateway.api.talking import Talking

REST = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


def test_every_path_stands_there_with_its_scope() -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/v1/\S+)` \| (\S+) \|", REST, re.MULTILINE)
    names = dict.fromkeys(("{webhook_id}", "{message_id}", "{alarm_id}", "{plugin_id}", "{review_id}"), "{id}")
    names |= dict.fromkeys(("{client_id}", "{key_id}", "{user_id}", "{instance_id}"), "{id}")
    names |= {"{delivery_id}": "{delivery}", "{version}": "{version}", "{subscription_id}": "{subscription}"}
    routes = [
        (route.method, re.sub(r"\{\w+\}", lambda found: names[found[0]], route.path), route.scope)
        for route in (
            *plugin_routes(Services().parts, Plugins(Path()).parts),
            *talk_routes(Services().log, Talking(Plugins(Path())).talk),
            *Installed.of(Plugins(Path())).routes,
            *Accounts(Plugins(Path())).routes,
            # Nobody is asked here: what they are is enough.
            *plugin_token_routes(cast("PluginTokens", None)),
            *client_routes(cast("Clients", None)),
            *key_routes(cast("ApiKeys", None)),
            *trial_routes(Trials(cast("Dispatch", None), cast("Judge", None))),
            *(route for route in sdk_routes(Shelf(None), cast("Counted", None)) if route.scope is not None),
            *update_routes(cast("UpdatedBoard", None)),
            *(route for route in user_routes(cast("People", None)) if not route.open),
        )
    ]
    assert sorted(rows) == sorted(routes)


def test_the_figures_are_those_of_the_code() -> None:
    assert f"at most {LARGEST_BODY // 1024} KiB" in REST
    assert f"`page[size]` 1 to {LARGEST_PAGE} ({PAGE_SIZE})" in REST


def test_every_status_is_explained() -> None:
    table = REST[REST.index("| status | when |") :]
    told = {int(status) for cell in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for status in cell.split(", ")}
    assert told == set(TITLES)
