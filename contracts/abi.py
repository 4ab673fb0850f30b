"""ABI and creation bytecode of our contracts, from the committed artifacts."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from contracts.evm import bytes_from_hex

_ARTIFACTS = Path(__file__).parent / "artifacts"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes


@cache
def artifact(name: str) -> Artifact:
    """The committed artifact of a contract, by its Solidity name."""
    content = json.loads((_ARTIFACTS / f"{name}.json").read_text())
    return Artifact(name, content["abi"], bytes_from_hex(content["bytecode"]))
