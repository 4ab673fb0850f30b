import json

from contracts.batches import LogColumns
from contracts.evm import ZERO_ADDRESS, ZERO_HASH, Address, BlockNumber, Hash32, LogIndex, keccak
from settlement.royalties.bundle import rolling_hash
from settlement.royalties.derivation import bundle_files, derive
from settlement.royalties.manifest import manifest_digest
from tests.royalties_builders import FIRST_EPOCH, facts_of, sample_chain

FILES = bundle_files(derive(facts_of(sample_chain(), FIRST_EPOCH)))


def logs_of(count: int) -> LogColumns:
    return LogColumns(
        block_number=[BlockNumber(7)] * count,
        block_hash=[ZERO_HASH] * count,
        log_index=[LogIndex(at) for at in range(count)],
        address=[ZERO_ADDRESS] * count,
        topics=[[bytes(32)]] * count,
        data=[b"\x01\x02"] * count,
    )


def lines(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in FILES[name].splitlines()]


def test_rolling_hash__no_logs__zero() -> None:
    assert rolling_hash(logs_of(0)) == ZERO_HASH


def test_rolling_hash__one_log__spelled_out() -> None:
    preimage = (
        bytes.fromhex("0000000000000007")  # block number
        + bytes(32)  # block hash
        + bytes.fromhex("00000000")  # log index
        + bytes(20)  # address
        + b"\x01"  # topics
        + bytes(32)
        + bytes.fromhex("00000002")  # bytes of data
        + b"\x01\x02"
    )

    assert rolling_hash(logs_of(1)) == keccak(bytes(32) + keccak(preimage))


def test_rolling_hash__another_order__another_hash() -> None:
    logs = logs_of(2)
    turned = LogColumns(**{name: getattr(logs, name)[::-1] for name in LogColumns.__slots__})

    assert rolling_hash(turned) != rolling_hash(logs)


def test_bundle_files__index__digests_of_all_others() -> None:
    index = json.loads(FILES["bundle.json"])

    others = {name: str(keccak(data)) for name, data in FILES.items() if name != "bundle.json"}
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


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return [deep for member in value.values() for deep in _members(member)]
    if isinstance(value, list):
        return [deep for member in value for deep in _members(member)]
    return [value]
