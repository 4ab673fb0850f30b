"""Examples of answers, in the OpenAPI document beside the schema of each.

They are true answers, recorded: a test holds every one to its model, field by field, so that one
that has fallen behind a change of the interface is found.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

_PATH = Path(__file__).with_suffix(".json")
_SCHEMAS, _EXAMPLES = "#/components/schemas/", "#/components/examples/"


@cache
def examples() -> dict[str, Any]:
    """One answer by the name of its schema; a problem by its status as well."""
    content: dict[str, Any] = json.loads(_PATH.read_text())
    return content


def show_examples(document: dict[str, Any]) -> None:
    """Let an OpenAPI document show an example with every answer that has a schema."""
    known = {name: {"value": example} for name, example in examples().items()}
    document["components"]["examples"] = known
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                for content in response.get("content", {}).values():
                    _show(content, status, known)


def _show(content: dict[str, Any], status: str, known: dict[str, Any]) -> None:
    schema = content.get("schema", {}).get("$ref", "").removeprefix(_SCHEMAS)
    for name in (f"{schema}{status}", schema):
        if name in known:
            content["examples"] = {"answer": {"$ref": _EXAMPLES + name}}
            return
