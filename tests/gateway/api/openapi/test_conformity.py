"""Answers held against a description: with the models they are made of, and no more of it."""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from gateway.api.openapi.conformity import by_itself

AT = "#/components/schemas/"
MODELS: dict[str, dict[str, Any]] = {
    "Tree": {"type": "object", "properties": {"leaf": {"$ref": f"{AT}Leaf"}, "next": {"$ref": f"{AT}Tree"}}},
    "Leaf": {"anyOf": [{"type": "null"}, {"$ref": f"{AT}Colour"}]},
    "Colour": {"enum": ["green", "red"]},
    "Other": {"type": "string"},
}


def test_a_schema_stands_with_the_models_it_leads_to_and_no_others() -> None:
    asked: list[str] = []

    def model(name: str) -> dict[str, Any]:
        asked.append(name)
        return MODELS[name]

    schema = by_itself({"type": "array", "items": {"$ref": f"{AT}Tree"}}, model)
    assert sorted(asked) == sorted(schema["components"]["schemas"]) == ["Colour", "Leaf", "Tree"]
    judge = jsonschema_rs.Draft202012Validator(schema)
    assert judge.is_valid([{"leaf": "red", "next": {"leaf": None}}])
    assert not judge.is_valid([{"next": {"leaf": "blue"}}])
