"""What is known of plugins: their metadata, versions, packages and reviews, and where all of that is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.core.ports import Json


class PluginStatus(StrEnum):
    """Whether a plugin can be installed (D-105)."""

    # There is no package of it yet.
    INACTIVE = "inactive"
    ACTIVE = "active"
    # An administrator said so.
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What its publisher says of one version of a plugin.

    Attributes:
        name: for people.
        version: SemVer 2.0.
        description: for people.
        category: one word.
        author: who wrote it.
        license: SPDX expression; None: not said.
        homepage, repository: URLs; None: not said. The gateway never fetches them.
        tags: words.
        config_schema: JSON Schema 2020-12 of its configuration; None: it has none.
    """

    name: str
    version: str
    description: str = ""
    category: str = ""
    author: str = ""
    license: str | None = None
    homepage: str | None = None
    repository: str | None = None
    tags: tuple[str, ...] = ()
    config_schema: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A package that was verified and kept.

    Attributes:
        sha256: of the file, in hex.
        size: bytes.
        key_id: of the key that signed it.
        signer: name of that key in the configuration, when it was verified.
        received: Unix seconds.
    """

    sha256: str
    size: int
    key_id: str
    signer: str
    received: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVersion:
    """A version of a plugin.

    Attributes:
        version: SemVer 2.0.
        created: Unix seconds.
        archive: its package; None: there is none.
    """

    version: str
    created: float
    archive: Archive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlugin:
    """A plugin as it stands.

    Attributes:
        id: of the plugin; never used again, not even after it was removed.
        release: of the newest version.
        publisher: subject of who published it.
        status: whether it can be installed.
        versions: all of them, newest first.
        downloads: completed ones.
        stars: sum of all reviews.
        reviews: how many there are.
        review_ids: of them, as many as are shown, oldest first.
        created, updated: Unix seconds.
    """

    id: str
    release: Release
    publisher: str
    status: PluginStatus
    versions: tuple[KeptVersion, ...]
    downloads: int = 0
    stars: int = 0
    reviews: int = 0
    review_ids: tuple[str, ...] = ()
    created: float
    updated: float

    @property
    def rating(self) -> float | None:
        """Mean of all reviews, to one decimal, halves up; None without any (D-108)."""
        return (20 * self.stars + self.reviews) // (2 * self.reviews) / 10 if self.reviews else None

    def version(self, version: str) -> KeptVersion | None:
        """One of its versions."""
        return next((kept for kept in self.versions if kept.version == version), None)

    @property
    def packaged(self) -> KeptVersion | None:
        """The newest version that has a package."""
        return next((kept for kept in self.versions if kept.archive is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What somebody thinks of a plugin.

    Attributes:
        id: of the review.
        plugin: it is about.
        subject: who wrote it; one has one of each plugin.
        stars: 1 to 5.
        text: for people.
        created, updated: Unix seconds.
    """

    id: str
    plugin: str
    subject: str
    stars: int
    text: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which plugins are listed.

    Attributes:
        category, status, author: of them; None: any.
        order: names of ``ORDERS`` with True for descending; the id decides where they are equal.
        offset: how many are skipped.
        limit: how many there are at most.
    """

    category: str | None = None
    status: PluginStatus | None = None
    author: str | None = None
    order: tuple[tuple[str, bool], ...] = ()
    offset: int = 0
    limit: int = 100


# What plugins can be listed by; where there is no rating, it is the lowest.
ORDERS = ("name", "downloads", "rating", "updated_at")


class PluginStore(Protocol):
    """Plugins on the disk; what changes them is there (fsync) when it returns. All raise NotKept for a disk in trouble.

    Whoever changes something looks at it first, and is alone in that: the store does not judge.
    """

    async def list(self, wanted: Wanted) -> tuple[Sequence[KeptPlugin], int]:
        """Some plugins, and how many there are without ``offset`` and ``limit``."""
        ...

    async def find(self, id_: str) -> KeptPlugin | None:
        """One plugin; None: there is none, or it was removed."""
        ...

    async def used(self, id_: str) -> bool:
        """Whether there is or was a plugin of this id."""
        ...

    async def downloads(self) -> int:
        """Completed downloads of all plugins there are."""
        ...

    async def space(self) -> int:
        """Bytes of all versions and packages, as far as plugins were not removed."""
        ...

    async def add(self, plugin: KeptPlugin) -> None:
        """Keep a new plugin with its one version."""
        ...

    async def change(self, id_: str, release: Release, at: float) -> None:
        """Keep what its publisher says now; a version that is new is one more."""
        ...

    async def release(self, id_: str, version: str) -> Release | None:
        """What was said last of one version."""
        ...

    async def keep_archive(
        self, id_: str, version: str, archive: Archive, status: PluginStatus, *, manifest: bytes, docs: str | None
    ) -> None:
        """Keep what is known of a package."""
        ...

    async def docs(self, id_: str, version: str) -> str | None:
        """The documentation that came with a package."""
        ...

    async def manifest(self, id_: str, version: str) -> bytes | None:
        """The manifest of a package, to the byte; None: there is no package."""
        ...

    async def set_status(self, id_: str, status: PluginStatus, at: float) -> None:
        """Keep whether it can be installed."""
        ...

    async def count_download(self, id_: str) -> None:
        """Count one."""
        ...

    async def remove(self, id_: str, at: float) -> None:
        """Take a plugin and its reviews out of sight; its id stays used."""
        ...

    async def reviews(self, plugin: str, offset: int, limit: int) -> tuple[Sequence[Review], int]:
        """Reviews of a plugin, oldest first, and how many there are."""
        ...

    async def review(self, id_: str) -> Review | None:
        """One review."""
        ...

    async def review_of(self, plugin: str, subject: str) -> Review | None:
        """The review somebody wrote of a plugin."""
        ...

    async def add_review(self, plugin: str, subject: str, stars: int, text: str, at: float) -> Review:
        """Keep a new review, and count it."""
        ...

    async def change_review(self, review: Review) -> None:
        """Keep other stars or another text."""
        ...

    async def remove_review(self, id_: str) -> None:
        """Forget a review."""
        ...
