"""What blooms prove, and the refusal of every log that they or the question rule out."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.bloom import BLOOM_BYTES, bloom_mask
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.blocks import Block
from indexer.completeness import LogFilter, check_logs, may_hold, wanted_rows
from indexer.errors import AnswersDisagree, LogRefused
from indexer.logs import LogBatch, RawLog, log_batch
from tests.raw_logs import blocks_of, made_up_logs

FIRST, COUNT = 7, 4
EMPTY_BLOOM = bytes(BLOOM_BYTES)
STRANGER = Address(b"\x99" * 20)


def some_logs() -> list[RawLog]:
    """Logs of blocks 7 and 9, all with topics; blocks 8 and 10 are empty."""
    return [log for log in made_up_logs(5, 0, 8, first_block=FIRST) if log.topics]


def filter_for(logs: Sequence[RawLog]) -> LogFilter:
    return LogFilter(
        tuple(sorted({log.address for log in logs})),
        tuple(sorted({Hash32(log.topics[0]) for log in logs})),
    )


LOGS = some_logs()
BLOCKS = blocks_of(LOGS, first_block=FIRST, count=COUNT)
WANTED = filter_for(LOGS)


def changed(row: int, **changes: Any) -> list[RawLog]:
    return [*LOGS[:row], LOGS[row]._replace(**changes), *LOGS[row + 1 :]]


def refused_naively(logs: Sequence[RawLog], blocks: Sequence[Block], wanted: LogFilter) -> bool:
    """Whether a log is ruled out: the rules of `check_logs`, one log after the other."""
    by_number = {block.header.number: block for block in blocks}
    below = (-1, -1)
    for log in logs:
        place = (log.block_number, log.log_index)
        block = by_number.get(log.block_number)
        if place <= below or block is None or block.header.hash != log.block_hash:
            return True
        below = place
        if log.address not in wanted.addresses or log.topics[:1] not in [
            (topic,) for topic in wanted.topics0
        ]:
            return True
        if block.transactions is not None:
            listed = [row.tobytes() for row in block.transactions]
            if listed[log.transaction_index : log.transaction_index + 1] != [log.transaction_hash]:
                return True
        bloom = int.from_bytes(block.header.logs_bloom, "big")
        if any(bloom_mask(one) & ~bloom for one in (log.address, *log.topics)):
            return True
    return False


def refuses(logs: LogBatch, blocks: Sequence[Block], wanted: LogFilter) -> bool:
    try:
        check_logs(logs, blocks, wanted)
    except (LogRefused, AnswersDisagree):
        return True
    return False


def test_check_logs__honest_answer__accepted() -> None:
    assert len(LOGS) > 8
    check_logs(log_batch(LOGS), BLOCKS, WANTED)
    check_logs(log_batch(()), BLOCKS, WANTED)
    check_logs(log_batch(()), [], WANTED)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_index": LOGS[1].log_index}, "came twice"),
        ({"log_index": LogIndex(0)}, "out of order"),
        ({"address": STRANGER}, "was not asked for"),
        ({"topics": (b"\x05" * 32,)}, "was not asked for"),
        ({"topics": ()}, "was not asked for"),
        ({"topics": (LOGS[2].topics[0], b"\x05" * 32)}, "is not in the bloom"),
        ({"topics": (*LOGS[2].topics[:2], b"\x05" * 32)}, "is not in the bloom"),
        ({"transaction_index": 3}, "beyond those of its block"),
        ({"transaction_index": 2**62}, "beyond those of its block"),
        ({"transaction_index": 0}, "another transaction"),
        ({"transaction_hash": Hash32(b"\x05" * 32)}, "another transaction"),
    ],
)
def test_check_logs__impossible_log__refused_by_name(changes: dict[str, Any], message: str) -> None:
    assert LOGS[2].transaction_index == 1
    number, index = LOGS[2].block_number, changes.get("log_index", LOGS[2].log_index)

    with pytest.raises(LogRefused, match=f"^log {index} of block {number} from .*{message}"):
        check_logs(log_batch(changed(2, **changes)), BLOCKS, WANTED)


@pytest.mark.parametrize("number", [0, FIRST - 1, FIRST + COUNT, 2**62])
def test_check_logs__log_of_another_block__refused(number: int) -> None:
    logs = [LOGS[0]._replace(block_number=BlockNumber(number))]

    with pytest.raises(LogRefused, match=f"of block {number} .*outside of the range"):
        check_logs(log_batch(logs), BLOCKS, WANTED)
    with pytest.raises(LogRefused, match="outside of the range"):
        check_logs(log_batch(logs), [], WANTED)


def test_check_logs__blocks_with_gaps__their_logs_only() -> None:
    check_logs(log_batch(LOGS), [BLOCKS[0], BLOCKS[2]], WANTED)
    with pytest.raises(LogRefused, match=r"log 3 of block 9 .*outside of the range"):
        check_logs(log_batch(LOGS), [BLOCKS[0], BLOCKS[3]], WANTED)


def test_check_logs__wanted_address_that_is_not_in_the_bloom__refused() -> None:
    wanted = LogFilter((*WANTED.addresses, STRANGER), WANTED.topics0)

    with pytest.raises(LogRefused, match="is not in the bloom"):
        check_logs(log_batch(changed(2, address=STRANGER)), BLOCKS, wanted)


def test_check_logs__log_in_block_with_empty_bloom__refused() -> None:
    header = BLOCKS[1].header
    moved = LOGS[0]._replace(block_number=header.number, block_hash=header.hash)
    block = replace(BLOCKS[1], transactions=BLOCKS[0].transactions)

    assert header.logs_bloom == EMPTY_BLOOM
    with pytest.raises(LogRefused, match="bloom"):
        check_logs(log_batch([moved]), [BLOCKS[0], block], WANTED)


def test_check_logs__other_block_hash__disagrees() -> None:
    logs = changed(3, block_hash=Hash32(b"\x08" * 32))

    with pytest.raises(AnswersDisagree, match=f"log {LOGS[3].log_index} is of block 7 0x0808"):
        check_logs(log_batch(logs), BLOCKS, WANTED)


def test_check_logs__block_that_lists_no_transactions__its_logs_may_name_any() -> None:
    silent = [replace(BLOCKS[0], transactions=None), *BLOCKS[1:]]
    far = {"transaction_index": 9, "transaction_hash": Hash32(b"\x05" * 32)}

    check_logs(log_batch(changed(0, **far)), silent, WANTED)
    with pytest.raises(LogRefused, match=r"of block 9 .*beyond"):
        check_logs(log_batch(changed(len(LOGS) - 1, **far)), silent, WANTED)


def test_check_logs__same_topic_in_another_block__not_enough() -> None:
    """A value that one block's bloom holds says nothing of another block's."""
    foreign = next(log for log in LOGS if log.block_number == 9 and len(log.topics) > 1)
    logs = changed(1, topics=(LOGS[1].topics[0], foreign.topics[1]))

    with pytest.raises(LogRefused, match=r"of block 7 .*bloom"):
        check_logs(log_batch(logs), BLOCKS, WANTED)


@pytest.mark.parametrize(
    ("column", "is_covered"),
    [
        ("block_hash", True),
        ("address", True),
        ("topics", True),
        ("transaction_hash", True),
        ("transaction_index", True),
        ("data", False),
    ],
)
def test_check_logs__any_byte_changed__refused_where_the_header_covers_it(
    column: str, is_covered: bool
) -> None:
    logs = log_batch(LOGS)
    whole = getattr(logs, column)
    size = whole.nbytes

    for place, bit in product(range(size), (0x01, 0x80)):
        content = bytearray(whole.tobytes())
        content[place] ^= bit
        values = np.frombuffer(bytes(content), dtype=whole.dtype).reshape(whole.shape)
        if values.min() >= 0:
            assert refuses(replace(logs, **{column: values}), BLOCKS, WANTED) == is_covered
    assert size > 0


def altered(draw: st.DrawFn, log: RawLog) -> RawLog:
    """The log with one field of another log, or of none."""
    other = draw(st.sampled_from(LOGS))
    strange = log._replace(
        address=STRANGER, topics=(*log.topics[:-1], b"\x05" * 32), transaction_index=1
    )
    field = draw(st.sampled_from([name for name in RawLog._fields]))
    return log._replace(**{field: getattr(draw(st.sampled_from([other, strange])), field)})


@st.composite
def answers(draw: st.DrawFn) -> list[RawLog]:
    logs = draw(st.lists(st.sampled_from(LOGS), max_size=6, unique=True))
    if draw(st.booleans()):
        logs = sorted(logs, key=lambda log: (log.block_number, log.log_index))
    is_altered = draw(st.booleans())
    if logs and is_altered:
        place = draw(st.integers(0, len(logs) - 1))
        logs[place] = altered(draw, logs[place])
    return logs


@given(answers(), st.sets(st.integers(0, COUNT - 1)), st.sets(st.integers(0, COUNT - 1)))
def test_check_logs__any_answer__as_one_log_after_the_other(
    logs: list[RawLog], asked: set[int], silent: set[int]
) -> None:
    blocks = [
        replace(BLOCKS[place], transactions=None) if place in silent else BLOCKS[place]
        for place in sorted(asked)
    ]

    expected = refused_naively(logs, blocks, WANTED)

    assert refuses(log_batch(logs), blocks, WANTED) == expected


def test_may_hold__blocks__those_that_have_some() -> None:
    blooms = [block.header.logs_bloom for block in BLOCKS]

    assert may_hold(blooms, WANTED).tolist() == [True, False, True, False]
    assert may_hold([], WANTED).tolist() == []


def test_may_hold__address_without_topic__never() -> None:
    address, topic = WANTED.addresses[0], WANTED.topics0[0]
    masks = [bloom_mask(address), bloom_mask(topic), bloom_mask(address) | bloom_mask(topic)]
    blooms = [mask.to_bytes(BLOOM_BYTES, "big") for mask in masks]

    assert may_hold(blooms, LogFilter((address,), (topic,))).tolist() == [False, False, True]


def test_may_hold__no_sources__never() -> None:
    assert may_hold([b"\xff" * BLOOM_BYTES], LogFilter((), ())).tolist() == [False]
    assert may_hold([b"\xff" * BLOOM_BYTES], LogFilter((STRANGER,), ())).tolist() == [False]


def test_wanted_rows__logs_of_anybody__ours() -> None:
    logs = made_up_logs(5, 0, 8, first_block=FIRST)
    address, topic0 = LOGS[0].address, Hash32(LOGS[0].topics[0])
    wanted = LogFilter((address,), (topic0,))

    found = log_batch(logs).take(wanted_rows(log_batch(logs), wanted)).rows()

    assert found == [log for log in logs if log.address == address and log.topics[:1] == (topic0,)]
    assert 0 < len(found) < len(logs)
    assert wanted_rows(log_batch(()), wanted).tolist() == []
    assert wanted_rows(log_batch(logs[:1]), wanted).tolist() == []  # it has no topic
