"""Examples of answers: each is one that the API could give today. Subject: api.examples."""

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from api.examples import examples
from api.openapi import PATH

_SCHEMAS, _EXAMPLES = "#/components/schemas/", "#/components/examples/"
_RESPONSES = "#/components/responses/"


@cache
def said() -> dict[str, Any]:
    """The committed document, but that answers have every field and no other."""
    content: dict[str, Any] = json.loads(PATH.read_text())
    for schema in content["components"]["schemas"].values():
        if "properties" in schema:
            schema["required"] = sorted(schema["properties"])
            schema["additionalProperties"] = False
    return content


def response_of(told: dict[str, Any]) -> dict[str, Any]:
    """A response that an operation tells of: itself, or one that it shares with others."""
    shared: dict[str, Any] = said()["components"]["responses"]
    return shared[told["$ref"].removeprefix(_RESPONSES)] if "$ref" in told else told


def answers() -> list[tuple[str, str, str]]:
    """Operation, schema and name of the example of every answer that has a schema."""
    found = []
    for path, operations in said()["paths"].items():
        for method, operation in operations.items():
            for status, told in operation["responses"].items():
                for content in response_of(told).get("content", {}).values():
                    schema = content.get("schema", {}).get("$ref", "").removeprefix(_SCHEMAS)
                    example = content.get("examples", {}).get("answer", {}).get("$ref", "")
                    if schema:
                        name = example.removeprefix(_EXAMPLES)
                        found.append((f"{method} {path} {status}", schema, name))
    return found


def test_answers__each_has_an_example_of_its_schema() -> None:
    without = {operation for operation, _, example in answers() if not example}
    of_others = {
        operation
        for operation, schema, example in answers()
        if example.rstrip("0123456789") not in {"", schema}
    }

    assert without == set()
    assert of_others == set()


def test_examples__each_is_shown() -> None:
    assert set(examples()) == {example for _, _, example in answers() if example}


@pytest.mark.parametrize("name", examples())
def test_example__every_field_of_its_schema_and_no_other(name: str) -> None:
    schema = {
        "$ref": _SCHEMAS + name.rstrip("0123456789"),
        "components": {"schemas": said()["components"]["schemas"]},
    }

    jsonschema_rs.validator_for(schema).validate(examples()[name])


@pytest.mark.parametrize("name", [one for one in examples() if one.startswith("Problem")])
def test_example__problem__of_the_status_that_it_is_shown_for(name: str) -> None:
    assert examples()[name]["status"] == int(name.removeprefix("Problem"))
