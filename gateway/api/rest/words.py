"""What texts in bodies and queries look like, for the description alone.

Who reads such a text says what is wrong with it, with an example; what is described is what it takes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from msgspec import Meta

from gateway.access.roles import ROLES
from gateway.access.users.user import LONGEST_PASSWORD, SHORTEST_PASSWORD
from gateway.core.semver import LONGEST_VERSION

_NUMBER = "(0|[1-9][0-9]*)"
_BEFORE = "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_BEFORE}(\.{_BEFORE})*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
_SEGMENT = r"([A-Za-z0-9_-]+|\*)"
_URL = r"^[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9\[][A-Za-z0-9._~:/?\[\]!$&'()*+,;=%-]*$"
_HANDLER = r"^(/v1)?/plugins/[a-z0-9._-]{1,100}/events/[A-Za-z0-9_.-]{1,64}$"

EventTypeWord = Annotated[
    str, Meta(extra_json_schema={"pattern": r"^[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)+$", "minLength": 3, "maxLength": 128})
]
EventPatternWord = Annotated[
    str,
    Meta(
        extra_json_schema={
            "pattern": rf"^{_SEGMENT}((:{_SEGMENT})*|(\.{_SEGMENT})*)$",
            "minLength": 1,
            "maxLength": 128,
        }
    ),
]
VersionWord = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_VERSION, extra_json_schema={"pattern": _SEMVER, "minLength": 5})
]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
ReceiverUrl = Annotated[str, Meta(min_length=1, max_length=2048, extra_json_schema={"pattern": _URL})]
HandlerPath = Annotated[str, Meta(min_length=1, max_length=512, extra_json_schema={"pattern": _HANDLER})]
UserName = Annotated[
    str, Meta(extra_json_schema={"pattern": r"^[a-z0-9][a-z0-9._@-]{0,63}$", "minLength": 1, "maxLength": 64})
]
NewPassword = Annotated[
    str, Meta(extra_json_schema={"minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD, "format": "password"})
]
RoleWord = Annotated[str, Meta(extra_json_schema={"enum": sorted(ROLES)})]
ScopeWord = Annotated[str, Meta(extra_json_schema={"pattern": r"^(\*|[a-z]+:(\*|[a-z]+))$"})]
ClientWord = Annotated[
    str, Meta(extra_json_schema={"pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "minLength": 1, "maxLength": 64})
]
SubjectWord = Annotated[
    str, Meta(extra_json_schema={"pattern": r"^(client|user|plugin):[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"})
]
PathWord = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2048,
        extra_json_schema={"pattern": r"^/([^/\x00-\x20\x7f?#\\][^\x00-\x20\x7f?#\\]*)?$"},
    ),
]


def order_word(names: Collection[str]) -> Meta:
    """Of ``sort``: names with commas between, each with a ``-`` in front for the other direction."""
    one = f"-?({'|'.join(names)})"
    return Meta(extra_json_schema={"pattern": f"^{one}(,{one})*$"})
