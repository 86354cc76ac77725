"""What is said of plugins and reviews on the wire: resources of JSON:API with the reference's members, then ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from gateway.api.rest.paging import Pages
from gateway.api.rest.shapes import Model
from gateway.api.rest.sorting import order_of
from gateway.api.rest.words import VersionWord, order_word
from gateway.core import rfc3339
from gateway.core.plugins import ORDERS, KeptPlugin, KeptVersion, PluginStatus, Release, Review, Wanted
from gateway.plugins.manifest import Word

PLUGINS = "/v1/plugins"
REVIEWS = "/v1/reviews"

Title = Annotated[str, Meta(min_length=1, max_length=100)]
VersionText = VersionWord
Description = Annotated[str, Meta(max_length=2000)]
License = Annotated[str, Meta(min_length=1, max_length=100)]
Address = Annotated[
    str, Meta(min_length=1, max_length=2048, extra_json_schema={"pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"})
]
Tags = Annotated[tuple[Word, ...], Meta(max_length=20)]
Author = Annotated[str, Meta(max_length=100)]
Stars = Annotated[int, Meta(ge=1, le=5)]
Opinion = Annotated[str, Meta(max_length=2000)]
StatusWord = Literal["active", "inactive", "suspended"]


class PluginQuery(Pages, frozen=True):
    """Which plugins, in which order."""

    category: str | None = field(default=None, name="filter[category]")
    status: StatusWord | None = field(default=None, name="filter[status]")
    author: str | None = field(default=None, name="filter[author]")
    sort: Annotated[str, order_word(ORDERS)] | None = None


class PluginBody(Model, frozen=True):
    """What a publisher says of a plugin; what is left out gets its default."""

    name: Title
    version: VersionText
    category: Word
    description: Description = ""
    author: Author = ""
    license: License | None = None
    homepage: Address | None = None
    repository: Address | None = None
    tags: Tags = ()
    config_schema: dict[str, Any] | None = None


class PluginChanges(Model, frozen=True):
    """Some of it: what is left out stays, null gives the default back."""

    name: Title | UnsetType = UNSET
    version: VersionText | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    category: Word | UnsetType = UNSET
    author: Author | UnsetType | None = UNSET
    license: License | UnsetType | None = UNSET
    homepage: Address | UnsetType | None = UNSET
    repository: Address | UnsetType | None = UNSET
    tags: Tags | UnsetType | None = UNSET
    config_schema: dict[str, Any] | UnsetType | None = UNSET


class ReviewBody(Model, frozen=True):
    """What somebody thinks of a plugin."""

    stars: Stars
    text: Opinion = ""


class ReviewChanges(Model, frozen=True):
    """Other stars, or another text."""

    stars: Stars | UnsetType = UNSET
    text: Opinion | UnsetType | None = UNSET


class Identifier(msgspec.Struct, frozen=True):
    """Names a resource."""

    type: str
    id: str


class ToOne(msgspec.Struct, frozen=True):
    """A relationship to one resource."""

    data: Identifier


class ToMany(msgspec.Struct, frozen=True):
    """A relationship to several; where there are too many to name, the link leads to them."""

    links: Mapping[str, str]
    meta: Mapping[str, int]
    data: list[Identifier] | UnsetType = UNSET


class PluginVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version, and what is known of its package."""

    version: str
    created_at: str
    archive: bool
    size: int | None
    sha256: str | None
    signed_by: str | None
    received_at: str | None


class PluginAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin is."""

    name: str
    version: str
    description: str
    category: str
    author: str
    downloads: int
    rating: float | None
    tags: tuple[str, ...]
    status: str
    created_at: str
    updated_at: str
    license: str | None
    homepage: str | None
    repository: str | None
    # In lists neither: they may be large.
    config_schema: Mapping[str, Any] | UnsetType | None = UNSET
    versions: list[PluginVersion] | UnsetType = UNSET


class PluginRelationships(msgspec.Struct, frozen=True):
    """Who published it (ruling 8), and what people think of it."""

    publisher: ToOne
    reviews: ToMany


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin as a resource."""

    type: Literal["plugin"] = "plugin"
    id: str
    attributes: PluginAttributes
    relationships: PluginRelationships
    links: Mapping[str, str]


class ReviewAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What a review says."""

    stars: int
    text: str
    created_at: str
    updated_at: str


class ReviewRelationships(msgspec.Struct, frozen=True):
    """Who wrote it, and of what."""

    author: ToOne
    plugin: ToOne


class ReviewResource(msgspec.Struct, frozen=True, kw_only=True):
    """A review as a resource."""

    type: Literal["review"] = "review"
    id: str
    attributes: ReviewAttributes
    relationships: ReviewRelationships
    links: Mapping[str, str]


_DEFAULTS = Release(name="", version="")


def wanted(query: PluginQuery) -> Wanted:
    """What a query asks for.

    Raises:
        Problem: 400, it cannot be sorted so.
    """
    return Wanted(
        category=query.category,
        status=None if query.status is None else PluginStatus(query.status),
        author=query.author,
        order=order_of(query.sort, ORDERS),
        offset=(query.number - 1) * query.size,
        limit=query.size,
    )


def release_of(body: PluginBody) -> Release:
    """What a publisher says, all of it."""
    return Release(**msgspec.structs.asdict(body))


def changed(release: Release, changes: PluginChanges) -> Release:
    """What a publisher says after some changes (RFC 7396)."""
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    reset = {name: getattr(_DEFAULTS, name) for name, value in given.items() if value is None}
    return replace(release, **{**given, **reset})


def state_of(plugin: KeptPlugin) -> object:
    """What of a plugin its publisher can write."""
    return plugin.id, plugin.release


def plugin_resource(plugin: KeptPlugin, *, whole: bool = True) -> Plugin:
    """A plugin for an answer.

    Args:
        plugin: as it stands.
        whole: with what may be large.
    """
    release, place = plugin.release, f"{PLUGINS}/{plugin.id}"
    return Plugin(
        id=plugin.id,
        attributes=PluginAttributes(
            name=release.name,
            version=release.version,
            description=release.description,
            category=release.category,
            author=release.author,
            downloads=plugin.downloads,
            rating=plugin.rating,
            tags=release.tags,
            status=plugin.status.value,
            created_at=rfc3339.seconds(plugin.created),
            updated_at=rfc3339.seconds(plugin.updated),
            license=release.license,
            homepage=release.homepage,
            repository=release.repository,
            config_schema=release.config_schema if whole else UNSET,
            versions=[_version(version) for version in plugin.versions] if whole else UNSET,
        ),
        relationships=PluginRelationships(
            publisher=ToOne(Identifier("user", plugin.publisher)),
            reviews=ToMany(
                {"related": f"{place}/reviews"},
                {"total": plugin.reviews},
                [Identifier("review", id_) for id_ in plugin.review_ids]
                if len(plugin.review_ids) == plugin.reviews
                else UNSET,
            ),
        ),
        links={"self": place, "download": f"{place}/download", "docs": f"{place}/docs"},
    )


def review_resource(review: Review) -> ReviewResource:
    """A review for an answer."""
    return ReviewResource(
        id=review.id,
        attributes=ReviewAttributes(
            stars=review.stars,
            text=review.text,
            created_at=rfc3339.seconds(review.created),
            updated_at=rfc3339.seconds(review.updated),
        ),
        relationships=ReviewRelationships(
            author=ToOne(Identifier("user", review.subject)), plugin=ToOne(Identifier("plugin", review.plugin))
        ),
        links={"self": f"{REVIEWS}/{review.id}"},
    )


def _version(version: KeptVersion) -> PluginVersion:
    archive = version.archive
    return PluginVersion(
        version=version.version,
        created_at=rfc3339.seconds(version.created),
        archive=archive is not None,
        size=None if archive is None else archive.size,
        sha256=None if archive is None else archive.sha256,
        signed_by=None if archive is None else archive.signer,
        received_at=None if archive is None else rfc3339.seconds(archive.received),
    )
