"""The artifact files: their text, and the comparison with a build."""

import json

import pytest

from scripts.artifacts import (
    CONTRACT_NAMES,
    BuildUnavailable,
    artifact_text,
    committed_artifacts,
    differing_names,
)


def build_output(bytecode: str = "0x6001", links: dict[str, object] | None = None) -> str:
    return json.dumps(
        {
            "bytecode": {"object": bytecode, "linkReferences": links or {}, "sourceMap": "1:2"},
            "abi": [{"type": "function", "name": "f"}],
        }
    )


def test_artifact_text__build__is_sorted_abi_and_bytecode() -> None:
    text = artifact_text("Name", build_output())

    assert json.loads(text) == {
        "abi": [{"name": "f", "type": "function"}],
        "bytecode": "0x6001",
    }
    assert text.endswith("}\n")
    assert text.index('"abi"') < text.index('"name"') < text.index('"type"')


@pytest.mark.parametrize("bytecode", ["", "0x"])
def test_artifact_text__interface__raises(bytecode: str) -> None:
    with pytest.raises(BuildUnavailable, match="Name has no creation bytecode"):
        artifact_text("Name", build_output(bytecode))


def test_artifact_text__unlinked_library__raises() -> None:
    with pytest.raises(BuildUnavailable, match="needs linking"):
        artifact_text("Name", build_output(links={"Lib.sol": {}}))


def test_differing_names__changed_missing_and_superfluous__named_in_order() -> None:
    built = {"Same": "1", "Changed": "1", "Missing": "1"}
    committed = {"Same": "1", "Changed": "2", "Superfluous": "1"}

    assert differing_names(built, committed) == ["Changed", "Missing", "Superfluous"]


def test_committed_artifacts__repository__one_per_contract() -> None:
    assert tuple(committed_artifacts()) == CONTRACT_NAMES
