"""The committed OpenAPI document: `python -m api.openapi` writes `openapi.json` anew.

A test compares it with what the application says, so a change of the interface is always seen in
review.
"""

import json
from pathlib import Path

from api.app import create_app
from api.context import Deps, Limits
from contracts.evm import Timestamp

PATH = Path(__file__).with_name("openapi.json")


def document() -> str:
    """The OpenAPI document of the application; it depends on no settlement and no database."""
    deps = Deps(
        database_url="",
        chain_ids=(),
        settlements=(),
        now=lambda: Timestamp(0),
        head_of=None,
        limits=Limits(),
    )
    return json.dumps(create_app(deps).openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(document())
