import json
from typing import Any

import pytest

from contracts.canonical import canonical_json
from settlement.errors import BadManifest
from settlement.royalties.derivation import derive
from settlement.royalties.manifest import block_point, manifest_bytes
from settlement.royalties.manifest_reading import manifest_from_bytes
from tests.royalties_builders import FIRST_EPOCH, SETTLEMENT, facts_of, sample_chain

EPOCH = derive(facts_of(sample_chain(), FIRST_EPOCH))


def changed(path: str, value: Any) -> bytes:
    """The sample manifest with one member replaced; None removes it."""
    document = json.loads(EPOCH.manifest_bytes)
    *parents, name = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return canonical_json(document)


def test_manifest__written_and_read__equal() -> None:
    assert manifest_from_bytes(EPOCH.manifest_bytes) == EPOCH.manifest
    assert manifest_bytes(EPOCH.manifest) == EPOCH.manifest_bytes


def test_manifest__bytes__canonical_without_newline() -> None:
    assert canonical_json(json.loads(EPOCH.manifest_bytes)) == EPOCH.manifest_bytes


def test_manifest__payouts__the_contract_of_the_leaves() -> None:
    document = json.loads(EPOCH.manifest_bytes)

    assert EPOCH.manifest.payouts == SETTLEMENT.payouts
    assert document["settlement"]["contract"] == document["contracts"]["EpochPayouts"]


def test_block_point__block__number_hash_timestamp() -> None:
    block = sample_chain().blocks[0]

    assert block_point(block).hash == block.hash
    assert (block_point(block).number, block_point(block).timestamp) == (
        block.number,
        block.timestamp,
    )


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("completeness.level", "none", "completeness.level: 'none' is not a level"),
        ("completeness.digest", "0x", "completeness.digest: '0x' is not a hash"),
        ("completeness.previous", None, "completeness.previous"),
        ("epoch", 3, "epoch: 3 is not text"),
        ("epoch", "03", "epoch: '03' is not a decimal string"),
        ("attempt", None, "attempt: "),
        ("tree.root", "0x12", "tree.root: '0x12' is not a hash"),
        ("tree", [], r"tree.leaf_count: \[\] is not there"),
        ("contracts.EpochClock", "0x12", "contracts.EpochClock: '0x12' is not an address"),
        ("totals", {}, r"totals: \{\} is not a list"),
        ("ruleset.parameters", "x", "ruleset.parameters: 'x' is not an object"),
        ("format", "quittance-manifest-v2", "canonical JSON of exactly the known fields"),
        ("usage_mode", "proved", "canonical JSON of exactly the known fields"),
        ("note", "hello", "canonical JSON of exactly the known fields"),
        ("settlement.contract", str(SETTLEMENT.tokens[0]), "canonical JSON of exactly"),
    ],
)
def test_manifest__wrong_member__named(path: str, value: Any, message: str) -> None:
    with pytest.raises(BadManifest, match=message):
        manifest_from_bytes(changed(path, value))


@pytest.mark.parametrize("data", [b"", b"\xff", b'{"a":"1","a":"1"}', EPOCH.manifest_bytes + b"\n"])
def test_manifest__not_its_one_spelling__refused(data: bytes) -> None:
    with pytest.raises(BadManifest, match="document"):
        manifest_from_bytes(data)


def test_manifest__value_without_end__named_by_its_beginning() -> None:
    with pytest.raises(BadManifest, match=r"^manifest: attempt: ") as refused:
        manifest_from_bytes(changed("attempt", "9" * 10**5))

    assert len(str(refused.value)) < 200
