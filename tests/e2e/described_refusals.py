"""Why a request that is as described may be refused all the same: what no schema can say.

Whatever is refused with other words is a mistake of the description, or of the gateway.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

# Anywhere: a key that came with another request before, and the ETag of another state.
_ANYWHERE = (r"this key came with another request before", r"it was changed since you read it")

# Of operations, by their names.
_SCOPES = (r"there is no scope ", r"name at least one role or scope", r"characters that can be shown")
_REDIRECTS = (r"redirect_uris: a redirect URI has",)
_FILTER = (r"filter\..*: give a list", r"filter: filter by at most")
_URL = (r"url: this URL ", *_FILTER)
_SECRET = (r"secret: what follows whsec_ is ",)
_PASSWORD = (r"password: must not have control characters", r"password: must have at least 5 different")
_PLUGIN = (
    r"name: needs a letter of A to Z or a digit",
    r"characters that cannot be printed",
    r"(homepage|repository): must be a URL",
    r"config_schema",
)
_CONFIG = (r"this plugin takes no configuration",)
_SORT = (r"sort: there are .*, each once",)
_SIGN_IN = (r"You cannot sign in by this link",)
_REASONS: Mapping[str, tuple[str, ...]] = {
    "api_key_create": (*_SCOPES, r"owner: say whose key", r"owner: there is nobody of this name"),
    "auth_authorize": _SIGN_IN,
    "auth_consent": _SIGN_IN,
    "auth_refresh": (r"invalid_target", r"invalid_grant"),
    "auth_token": (r"unsupported_grant_type", r"invalid_target", r"invalid_grant", r"invalid_scope"),
    "capability_invoke": (r"operation: modbus-tcp knows",),
    "client_change": (*_SCOPES, *_REDIRECTS),
    "client_create": (*_SCOPES, *_REDIRECTS),
    "discovery_announce": (r"service[.:]",),
    "instance_change": (r"version: there is no package of it", *_CONFIG),
    "instance_configure": _CONFIG,
    "instance_install": (r"permissions: this is no permission", *_CONFIG),
    "instance_list": _SORT,
    "instance_reconfigure": _CONFIG,
    "message_send": (r"(to|from)_agent: no agent is registered",),
    "plugin_change": _PLUGIN,
    "plugin_list": _SORT,
    "plugin_publish": _PLUGIN,
    "plugin_replace": _PLUGIN,
    "plugin_subscribe": _FILTER,
    "plugin_upload": (r"the package (ends too early|is no gzip file)",),
    "security_validateAddress": (r"address: .* is no IP address",),
    "tools_sdk_generate": (r"language: there are SDKs for",),
    "tools_test": (r"confirm: \w+ may change something", r"headers\..*: this header cannot be sent along"),
    "user_change": (*_PASSWORD, r"nothing is to be changed"),
    "user_create": _PASSWORD,
    "webhook_change": (*_URL, *_SECRET),
    "webhook_create": (*_URL, *_SECRET),
    "webhook_redeliver_range": (r"end: lies before start",),
    "webhook_replace": (*_URL, *_SECRET),
    "webhook_rotate_secret": _SECRET,
}


def refusal_in(operation: str, status: int, body: str) -> str | None:
    """What a refusal says, where that is no known reason of the operation."""
    words = f"{operation} {status} {_words(body)}"
    known = (*_ANYWHERE, *_REASONS.get(operation, ()))
    return None if any(re.search(reason, words, re.DOTALL) for reason in known) else words[:400]


def _words(body: str) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        title = re.search("<title>(.*?)</title>", body)
        return body if title is None else title[1]
    error = document.get("error", "")
    if isinstance(error, dict):
        data = error.get("data", {})
        return f"{data.get('field', '')}: {data.get('reason', '')}"
    return f"{error} {document.get('error_description', document.get('detail', ''))}"
