"""The name of a list of input logs: spelled out, and the same however the list is cut."""

from contracts.batches import LogColumns
from contracts.evm import ZERO_ADDRESS, ZERO_HASH, BlockNumber, LogIndex, keccak
from settlement.royalties.input_digest import RollingHash, input_digest
from tests.royalties_builders import FIRST_EPOCH, facts_of, sample_chain


def logs_of(count: int) -> LogColumns:
    return LogColumns(
        block_number=[BlockNumber(7)] * count,
        block_hash=[ZERO_HASH] * count,
        log_index=[LogIndex(at) for at in range(count)],
        address=[ZERO_ADDRESS] * count,
        topics=[[bytes(32)]] * count,
        data=[b"\x01\x02"] * count,
    )


def test_input_digest__no_logs__zero() -> None:
    assert input_digest(logs_of(0)).rolling_hash == ZERO_HASH


def test_input_digest__one_log__spelled_out() -> None:
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

    assert input_digest(logs_of(1)).rolling_hash == keccak(bytes(32) + keccak(preimage))


def test_input_digest__another_order__another_hash() -> None:
    logs = logs_of(2)
    turned = LogColumns(**{name: getattr(logs, name)[::-1] for name in LogColumns.__slots__})

    assert input_digest(turned).rolling_hash != input_digest(logs).rolling_hash


def test_rolling_hash__batch_by_batch__that_of_the_whole() -> None:
    logs = facts_of(sample_chain(), FIRST_EPOCH).logs
    rolled = RollingHash()
    for start in range(0, len(logs), 3):
        part = {name: getattr(logs, name)[start : start + 3] for name in LogColumns.__slots__}
        rolled.add(LogColumns(**part))

    assert rolled.digest == input_digest(logs)
    assert rolled.digest.count == len(logs) > 3
