"""The event specs are the committed ABIs, spelled as data."""

import re

import pytest

from contracts.abi import artifact
from contracts.columns import column_type
from contracts.event_spec import ContractName, EventSpec
from contracts.events import ERC20_TRANSFER, EVENTS

STANDARD_NAMES = {"from": "source", "to": "target", "tokenId": "token_id"}
"""What the ERC-721 standard calls the parameters of its transfer, and we do."""


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@pytest.mark.parametrize(
    "spec",
    [spec for spec in EVENTS if spec.contract not in (ContractName.ERC20, ContractName.ERC721)],
    ids=lambda spec: f"{spec.contract}.{spec.name}",
)
def test_event_spec__abi__agrees(spec: EventSpec) -> None:
    (entry,) = (
        item
        for item in artifact(spec.contract.value).abi
        if item["type"] == "event" and item["name"] == spec.name
    )

    names = STANDARD_NAMES if spec.name == "Transfer" else {}
    from_abi = [
        (names.get(item["name"], snake(item["name"])), item["type"], item["indexed"])
        for item in entry["inputs"]
    ]
    from_spec = [(field.name, field.abi_type, field.indexed) for field in spec.fields]
    assert from_spec == from_abi
    for field, item in zip(spec.fields, entry["inputs"], strict=True):
        members = [(snake(one["name"]), one["type"]) for one in item.get("components", [])]
        assert [(one.name, one.abi_type) for one in field.components] == members


def test_event_specs__topics_of_one_contract__differ() -> None:
    for contract in ContractName:
        topics = [spec.topic0 for spec in EVENTS if spec.contract is contract]
        assert len(set(topics)) == len(topics)


def test_transfer__topic0__is_the_known_one() -> None:
    expected = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    assert str(ERC20_TRANSFER.topic0) == expected


def test_event_specs__columns__can_be_stored() -> None:
    for spec in EVENTS:
        for column in spec.columns:
            column_type(column.abi_type)


def test_column_type__unknown__refused() -> None:
    with pytest.raises(ValueError, match="int128"):
        column_type("int128")


def test_event_specs__bulk__static_so_that_the_row_says_the_whole_log() -> None:
    bulk = [spec for spec in EVENTS if spec.is_bulk]

    assert [spec.name for spec in bulk] == ["Transfer", "Approval"]
    assert all(spec.is_static for spec in bulk)


def test_event_specs__static__no_arrays_and_no_bytes() -> None:
    dynamic = {spec.name for spec in EVENTS if not spec.is_static}

    assert dynamic == {
        *("ParametersSet", "WorkTermsSet", "ConsumptionSubmitted"),
        *("GuardianSetChanged", "GuardiansAnnounced", "SplitTermsSet", "EpochCommitted"),
    }
