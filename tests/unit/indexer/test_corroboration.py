"""Two endpoints' logs, compared."""

from dataclasses import replace

import pytest

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.corroboration import first_difference, first_different_log, is_same, said_of
from indexer.logs import LogBatch, RawLog, log_batch
from indexer.ranges import BlockRange

BLOCKS = BlockRange(BlockNumber(10), BlockNumber(13))


def logs(*places: tuple[int, int], data: bytes = b"\x01") -> LogBatch:
    return log_batch(
        RawLog(
            BlockNumber(number),
            Hash32(bytes((number,)) * 32),
            LogIndex(index),
            Address(b"\x11" * 20),
            (b"\x07" * 32,),
            data,
            Hash32(b"\x05" * 32),
            index,
        )
        for number, index in places
    )


OURS = logs((10, 0), (11, 2), (11, 5), (12, 1))


def test_first_difference__same_logs__none() -> None:
    again = logs((10, 0), (11, 2), (11, 5), (12, 1))

    assert is_same(OURS, again)
    assert first_difference(BLOCKS, ours=("a", OURS), theirs=("b", again)) is None


@pytest.mark.parametrize(
    ("theirs", "number", "counts", "log_index"),
    [
        (logs((10, 0), (11, 2), (12, 1)), 11, ("2 logs", "1 logs"), 5),
        (logs((10, 0), (11, 2), (11, 5), (11, 6), (12, 1)), 11, ("2 logs", "3 logs"), 6),
        (logs((10, 0), (11, 2), (11, 5)), 12, ("1 logs", "0 logs"), 1),
        (logs(), 10, ("1 logs", "0 logs"), 0),
        (logs((10, 0), (11, 2), (11, 5), (12, 1), data=b"\x02"), 10, ("1 logs", "1 logs"), 0),
    ],
)
def test_first_difference__other_logs__lowest_block_and_log(
    theirs: LogBatch, number: int, counts: tuple[str, str], log_index: int
) -> None:
    opinions = first_difference(BLOCKS, ours=("a", OURS), theirs=("b", theirs))

    assert opinions is not None
    assert opinions.number == number
    assert not opinions.is_unanimous
    said = [opinions.said[host] or "" for host in ("a", "b")]
    assert tuple(one.rpartition(" ")[0] for one in said) == counts
    assert first_different_log(opinions.number, OURS, theirs) == log_index


@pytest.mark.parametrize("column", ["transaction_hash", "transaction_index", "address", "topics"])
def test_first_difference__one_column__found(column: str) -> None:
    changed = getattr(OURS, column).copy()
    changed[-1] += 1

    opinions = first_difference(
        BLOCKS, ours=("a", OURS), theirs=("b", replace(OURS, **{column: changed}))
    )

    assert opinions is not None
    assert opinions.number == 12


def test_said_of__logs_of_another_block_or_twice__nothing() -> None:
    block = BlockRange(BlockNumber(10), BlockNumber(11))

    assert said_of(logs((11, 0)), block) is None
    assert said_of(logs((10, 3), (10, 3)), block) is None
    assert (said_of(logs(), block) or "").startswith("0 logs 0x")
    assert said_of(logs((10, 3)), block) != said_of(logs((10, 4)), block)
