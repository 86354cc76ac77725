"""What is known of installed plugins, and where that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.core.ports import Json


class OwnerType(StrEnum):
    """Who may own an instance. Organizations are names and nothing else (D-109)."""

    USER = "user"
    ORGANIZATION = "organization"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an instance is.

    Attributes:
        type: of whoever that is.
        id: of it; of users and clients without what stands before the colon in subjects.
    """

    type: OwnerType
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInstance:
    """An instance as it stands on the disk.

    Attributes:
        id: of the instance; never used again.
        plugin: id of its plugin.
        version: of the plugin.
        owner: whose it is.
        installed_by: subject of who installed it.
        permissions: that were granted.
        config: its configuration, with its secrets covered.
        sealed: the secrets; None: there are none. They open for this id only.
        wanted: it is to run whenever the gateway does.
        suspended: an administrator wants it not to.
        region: a word for where it is, for figures by region (D-167); None: not said.
        created, updated: Unix seconds.
    """

    id: str
    plugin: str
    version: str
    owner: Owner
    installed_by: str
    permissions: tuple[str, ...] = ()
    config: Mapping[str, Json] = field(default_factory=dict)
    sealed: str | None = field(default=None, repr=False)
    wanted: bool = False
    suspended: bool = False
    region: str | None = None
    created: float
    updated: float


class InstanceStore(Protocol):
    """Instances on the disk; what changes them is there (fsync) when it returns. All raise NotKept for a sick disk.

    Whoever changes something looks at it first, and is alone in that: the store does not judge.
    """

    async def all(self) -> Sequence[KeptInstance]:
        """Every one, oldest first, but those that are being removed."""
        ...

    async def put(self, instance: KeptInstance) -> None:
        """Keep a new one, or what became of one."""
        ...

    async def give_up(self, id_: str) -> None:
        """Note that one is being removed, and forget its configuration at once."""
        ...

    async def given_up(self) -> Sequence[str]:
        """Ids of those whose removal did not come to its end."""
        ...

    async def remove(self, id_: str) -> None:
        """Forget one that was given up."""
        ...
