"""The rows digest against its definition, row by row; and what it must and must not depend on."""

from dataclasses import fields, replace
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import BlockNumber, Hash32, keccak
from indexer.blocks import hash_rows
from indexer.logs import LogBatch, RawLog, joined, log_batch
from indexer.ranges import BlockRange
from indexer.rows_digest import range_digest, rows_digests
from tests.raw_logs import made_up_logs

FIRST = 7
COLUMNS = [column.name for column in fields(LogBatch)]
NOT_DIGESTED = {"block_number", "block_hash"}


def blocks(start: int, end: int) -> BlockRange:
    return BlockRange(BlockNumber(start), BlockNumber(end))


def defined_digest(logs: list[RawLog]) -> bytes:
    """The digest of one block's logs, as the module's docstring says it."""

    def integers(values: list[int]) -> bytes:
        return b"".join(value.to_bytes(8, "big") for value in values)

    return sha256(
        integers([len(logs)])
        + integers([log.log_index for log in logs])
        + integers([log.transaction_index for log in logs])
        + b"".join(log.transaction_hash for log in logs)
        + b"".join(log.address for log in logs)
        + integers([len(log.topics) for log in logs])
        + b"".join(topic for log in logs for topic in log.topics)
        + integers([len(log.data) for log in logs])
        + b"".join(log.data for log in logs)
    ).digest()


def digests(logs: LogBatch, asked: BlockRange) -> list[bytes]:
    return [row.tobytes() for row in rows_digests(logs, asked)]


@given(st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_rows_digests__any_counts__as_defined(counts: list[int]) -> None:
    logs = made_up_logs(*counts, first_block=FIRST)
    end = FIRST + len(counts)

    expected = [
        defined_digest([log for log in logs if log.block_number == number])
        for number in range(FIRST, end)
    ]

    assert digests(log_batch(logs), blocks(FIRST, end)) == expected


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.data())
def test_rows_digests__any_chunks__the_same(counts: list[int], data: st.DataObject) -> None:
    end = FIRST + len(counts)
    logs = log_batch(made_up_logs(*counts, first_block=FIRST))
    cuts = sorted(data.draw(st.sets(st.integers(FIRST + 1, end), max_size=4)) | {FIRST, end})

    parts = []
    for start, stop in pairwise(cuts):
        rows = np.flatnonzero((logs.block_number >= start) & (logs.block_number < stop))
        parts += digests(logs.take(rows), blocks(start, stop))

    assert parts == digests(logs, blocks(FIRST, end))


def test_rows_digests__no_logs__that_of_none() -> None:
    assert digests(log_batch(()), blocks(3, 5)) == [sha256(bytes(8)).digest()] * 2
    assert rows_digests(log_batch(()), blocks(3, 3)).shape == (0, 32)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in NOT_DIGESTED])
def test_rows_digests__any_value_changed__another_digest(column: str) -> None:
    logs = log_batch(made_up_logs(0, 3, first_block=FIRST))
    before = digests(logs, blocks(FIRST, FIRST + 2))
    values = getattr(logs, column)

    if column in {"topic_count", "data_length"}:  # the sum stays, the shares change
        changed = values[::-1].copy()
        assert changed.tolist() != values.tolist()
    else:
        changed = values.copy()
        changed[-1] += 1

    after = digests(replace(logs, **{column: changed}), blocks(FIRST, FIRST + 2))
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]


def test_rows_digests__rows_of_a_view__the_same() -> None:
    logs = log_batch(made_up_logs(4, 4, first_block=FIRST))
    twice = joined([logs, logs])
    view = replace(twice, **{name: getattr(twice, name)[::-1] for name in COLUMNS})

    fresh = view.take(np.arange(len(view)))
    halves = {name: getattr(fresh, name)[::-1] for name in COLUMNS}
    back = replace(fresh, **halves)

    assert digests(back.take(np.arange(8)), blocks(FIRST, FIRST + 2)) == digests(
        logs, blocks(FIRST, FIRST + 2)
    )


@pytest.mark.parametrize("asked", [blocks(FIRST, FIRST + 1), blocks(FIRST + 1, FIRST + 2)])
def test_rows_digests__log_outside_of_the_range__refused(asked: BlockRange) -> None:
    logs = log_batch(made_up_logs(1, 1, first_block=FIRST))

    with pytest.raises(ValueError, match="outside"):
        rows_digests(logs, asked)


def test_rows_digests__out_of_order__refused() -> None:
    logs = made_up_logs(2, first_block=FIRST)

    with pytest.raises(ValueError, match="order"):
        rows_digests(log_batch(logs[::-1]), blocks(FIRST, FIRST + 1))


def test_range_digest__blocks__as_defined() -> None:
    hashes = [keccak(bytes((place,))) for place in range(3)]
    rows = [keccak(one) for one in hashes]

    content = b"".join(
        (2**40 + place).to_bytes(8, "big") + hashes[place] + rows[place] for place in range(3)
    )

    found = range_digest(BlockNumber(2**40), hash_rows(hashes), hash_rows(rows))
    assert found == Hash32(sha256(content).digest())
