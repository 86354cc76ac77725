"""The configuration as it is in force: profiles resolved, defaults shown, secrets covered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.settings import schema
from gateway.settings.explain import SECTIONS
from gateway.settings.fields import Schema
from gateway.settings.kinds import Duration
from gateway.settings.model import Settings
from gateway.settings.written import masked, toml, written

# Tags that do not say these have those of their device.
_INHERITED = ("poll", "word_order", "byte_order")


def effective(settings: Settings, *, defaults: bool) -> str:
    """A configuration as TOML that loads again and asks for the same.

    What stands at its default is commented out, as in the example that comes with the gateway. Tags of profiles stand
    with their devices, which do not name the profile any more.

    Args:
        settings: what was read.
        defaults: show them at all.
    """
    return "\n".join(_tables(schema.ROOT, "", settings, {}, defaults=defaults)).strip("\n") + "\n"


def _tables(table: Schema, path: str, model: Any, above: Mapping[str, object], *, defaults: bool) -> Iterator[str]:
    for name, form in table.tables.items():
        inner = f"{path}.{name}".lstrip(".")
        value = getattr(model, table.renamed.get(name, name))
        if value is None:
            continue
        if form == "many" and not value and table.default(name):
            # Said in the table above, where its keys are.
            continue
        for item in value if form == "many" else (value,):
            yield from _table(inner, item, above, defaults=defaults)


def _table(path: str, model: Any, above: Mapping[str, object], *, defaults: bool) -> Iterator[str]:
    table = SECTIONS[path]
    yield ""
    yield table.title
    inherited = {key: getattr(model, key) for key in _INHERITED} if path == "line.device" else above
    for key, kind in table.keys.items():
        attribute = table.renamed.get(key, key)
        if not hasattr(model, attribute) or (path, key) == ("line.device", "profile"):
            continue
        value = getattr(model, attribute)
        default = above[key] if key in above else table.default(key)
        if value is None and not (isinstance(kind, Duration) and None in kind.named.values()):
            continue
        text = toml(masked(key, value)) if isinstance(value, str) else written(kind, value)
        if value != default or key in table.required:
            yield f"{key} = {text}"
        elif defaults:
            yield f"# {key} = {text}"
    for name, form in table.tables.items():
        if form == "many" and not getattr(model, table.renamed.get(name, name)) and table.default(name):
            yield f"{name} = []"
    profile = getattr(model, "profile", None)
    if profile is not None:
        yield f"# its tags are those of the profile {toml(profile)}, with what the file changes"
    yield from _tables(table, path, model, inherited if path == "line.device" else {}, defaults=defaults)
