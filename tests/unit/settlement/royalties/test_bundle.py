import json
from dataclasses import replace
from hashlib import sha256

import pytest

from contracts.evm import Address, Hash32, keccak
from settlement.royalties.bundle import splits_file
from settlement.royalties.derivation import bundle_files, derive
from settlement.royalties.manifest import manifest_digest
from tests.royalties_builders import ANN, BOB, FIRST_EPOCH, facts_of, sample_chain
from tests.ruled_epochs import BAND, BROKEN, CHOIR, EVE, LABEL, everything

FILES = bundle_files(derive(facts_of(sample_chain(), FIRST_EPOCH)))
EVERYTHING = bundle_files(derive(everything()))


def lines(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in FILES[name].splitlines()]


def test_bundle_files__index__digests_of_all_others() -> None:
    index = json.loads(FILES["bundle.json"])

    others = {
        name: "0x" + sha256(data).hexdigest()
        for name, data in FILES.items()
        if name != "bundle.json"
    }
    assert index["files"] == others
    assert index["manifest_digest"] == str(manifest_digest(FILES["manifest.json"]))


def test_bundle_files__numbers__all_text() -> None:
    for name, data in FILES.items():
        assert not any(
            isinstance(value, int | float)
            for line in data.splitlines()
            for value in _members(json.loads(line))
        ), name


def test_logs_file__addresses__lower_case() -> None:
    assert all(str(line["address"]).islower() for line in lines("logs.jsonl"))


def test_blocks_file__numbers__ascending_and_of_every_log() -> None:
    numbers = [int(str(line["number"])) for line in lines("blocks.jsonl")]

    assert numbers == sorted(set(numbers))
    assert {int(str(line["block_number"])) for line in lines("logs.jsonl")} <= set(numbers)


def test_leaves_file__order__work_part_asset() -> None:
    keys = [
        (
            Hash32.from_hex(str(line["work_id"])),
            int(str(line["part"])),
            Address.from_hex(str(line["asset"])),
        )
        for line in lines("leaves.jsonl")
    ]

    assert keys == sorted(keys)


def test_quarantine_file__unpayable_lines__say_asset_and_amount() -> None:
    extra = [line["reason"] for line in lines("quarantine.jsonl") if "amount" in line]

    assert set(extra) == {"unpayable_payee"}


def test_works_file__every_work__says_when_it_was_first_registered() -> None:
    first = sample_chain().blocks[0].timestamp

    assert {line["registered_at"] for line in lines("works.jsonl")} == {str(first)}


def test_splits_file__accounts_in_force__ascending_with_owner_and_version() -> None:
    found = [json.loads(line) for line in EVERYTHING["splits.jsonl"].splitlines()]

    accounts = [Address.from_hex(line["account"]) for line in found]
    assert accounts == sorted((BAND, LABEL, CHOIR, BROKEN))
    assert all(line["owner"] == str(BOB) and line["version"] == "1" for line in found)
    broken = next(line for line in found if line["account"] == str(BROKEN))
    assert broken["payees"] == [[str(ANN), "999999"]]
    assert set(broken) == {"account", "owner", "payees", "version"}


def test_registry_digest__works_then_splits() -> None:
    manifest = json.loads(EVERYTHING["manifest.json"])

    both = EVERYTHING["works.jsonl"] + EVERYTHING["splits.jsonl"]
    assert manifest["registry_digest"] == str(keccak(both))


@pytest.mark.parametrize(
    ("payees", "shares", "spelled"),
    [
        ((ANN,), (7,), [[str(ANN), "7"]]),
        ((ANN, BOB), (7,), [[str(ANN), "7"], [str(BOB), ""]]),
        ((ANN,), (7, 8), [[str(ANN), "7"], ["", "8"]]),
        ((), (), []),
    ],
)
def test_splits_file__payees_without_shares_or_the_other_way__spelled_empty(
    payees: tuple[Address, ...], shares: tuple[int, ...], spelled: list[list[str]]
) -> None:
    registry = derive(everything()).registry
    odd = replace(registry.accounts[BAND], payees=payees, shares_ppm=shares)

    (line,) = splits_file(replace(registry, accounts={BAND: odd})).splitlines()

    assert json.loads(line)["payees"] == spelled


def test_allocations_file__charges__in_the_order_of_the_parameters() -> None:
    found = [json.loads(line) for line in EVERYTHING["allocations.jsonl"].splitlines()]

    eve = next(line for line in found if line["subscriber"] == str(EVE))
    # 5,000,011 at 25,000, 50,000 and 1,000 ppm: 125,000.275, 250,000.55 and 5,000.011
    assert eve["charged"] == ["125000", "250000", "5000"]
    for line in found:
        credited = sum(int(row["credited"]) for row in line["rows"])
        charged = sum(map(int, line["charged"]))
        assert credited + charged + int(line["unallocated"]) == int(line["fee"])
    assert all(line["charged"] == [] for line in lines("allocations.jsonl"))


def test_quarantine_file__several_reasons_at_one_place__ascending_by_asset_and_reason() -> None:
    found = [json.loads(line) for line in EVERYTHING["quarantine.jsonl"].splitlines()]

    keys = [
        (
            int(line["block_number"]),
            int(line["log_index"]),
            int(line["position"]),
            bytes.fromhex(line.get("asset", "0x")[2:]),
            line["reason"],
        )
        for line in found
    ]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_manifest__contracts__nine() -> None:
    assert set(json.loads(FILES["manifest.json"])["contracts"]) == {
        "EpochClock",
        "RulesetParameters",
        "WorkRegistry",
        "SubscriptionTiers",
        "ConsumptionSubmissions",
        "EpochPayouts",
        "CreatorAttestations",
        "SplitAccounts",
        "ContentClaims",
    }


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return [deep for member in value.values() for deep in _members(member)]
    if isinstance(value, list):
        return [deep for member in value for deep in _members(member)]
    return [value]
