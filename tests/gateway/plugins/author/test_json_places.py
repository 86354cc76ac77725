"""Every value of a JSON text is found where it stands."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.author.json_places import Spot, Way, places_of, way_of

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def ways(value: Any, way: Way = ()) -> list[tuple[Way, Any]]:
    found = [(way, value)]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        found += ways(one, (*way, step))
    return found


@given(VALUES, st.sampled_from([None, 0, 2]), st.booleans())
@settings(max_examples=150)
def test_what_stands_at_a_place_is_what_leads_there(value: Any, indent: int | None, plain: bool) -> None:  # noqa: FBT001 - drawn
    text = json.dumps(value, indent=indent, ensure_ascii=not plain)
    places, lines = places_of(text), text.split("\n")
    assert places.twice == []
    for way, one in ways(value):
        spot = places.spots[way]
        rest = "\n".join([lines[spot.line - 1][spot.column - 1 :], *lines[spot.line :]])
        shown = way[-1] if way and isinstance(way[-1], str) else one
        assert json.JSONDecoder().raw_decode(rest)[0] == shown


def test_a_name_that_stands_twice_is_found_the_second_time() -> None:
    places = places_of('{"a": 1,\n "b": {"c": 1, "c": 2}}')
    assert places.twice == [(("b", "c"), Spot(2, 16))]


def test_the_nearest_place_of_what_is_missing_is_what_it_would_stand_in() -> None:
    places = places_of('{\n  "entry": {}\n}')
    assert places.nearest(("entry", "command", 0)) == Spot(2, 3)
    assert places.nearest(("name",)) == Spot(1, 1)


def test_a_dotted_name_leads_through_names_with_dots() -> None:
    document = {"config_schema": {"properties": {"a.b": {"type": ["x", "y"]}, "a": 1}}}
    assert way_of("config_schema.properties.a.b.type[1]", document) == ("config_schema", "properties", "a.b", "type", 1)
    assert way_of("config_schema.required", document) == ("config_schema",)
    assert way_of("nothing", document) == ()
