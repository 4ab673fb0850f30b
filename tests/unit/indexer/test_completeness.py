"""What blooms prove, and the refusal of every log that they or the question rule out."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import BlockNumber, Hash32, LogIndex, bytes_from_hex
from indexer.chain import BLOOM_BYTES, Header, LogBatch
from indexer.completeness import LogFilter, bloom_mask, check_logs, may_hold
from indexer.decode import filter_of
from indexer.errors import AnswersDisagree, LogRefused
from indexer.ranges import BlockRange
from tests.fakes_chain import SOURCES, STRANGER, TOKEN, FakeChain, FakeLog

MAINNET = (
    Path(__file__).resolve().parents[4]
    / "shared/vectors/ethereum-etl/test_stream/blocks_17173049_17173050"
)
WANTED = filter_of(SOURCES)
TRANSFER = next(topic for topic in WANTED.topics0 if topic.hex().startswith("ddf252ad"))
EMPTY_BLOOM = bytes(BLOOM_BYTES)


def one_log_chain() -> tuple[list[Header], LogBatch]:
    """Three blocks; only the middle one has logs."""
    chain = FakeChain()
    topics = (TRANSFER, b"\x01" * 32, b"\x02" * 32)
    chain.mine((), [FakeLog(TOKEN, topics, b"\x07" * 32)] * 2, ())
    headers = [block.header for block in chain.blocks[1:]]
    logs = chain.logs_in_range(BlockRange(BlockNumber(1), BlockNumber(4)), WANTED)
    assert len(logs) == 2
    return headers, logs


def changed(logs: LogBatch, column: str, value: Any) -> LogBatch:
    """The batch with another value in the second row."""
    return replace(logs, **{column: [getattr(logs, column)[0], value]})


def test_check_logs__honest_answer__accepted() -> None:
    headers, logs = one_log_chain()

    check_logs(logs, headers, WANTED)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda logs: changed(logs, "log_index", LogIndex(0)), "came twice"),
        (lambda logs: changed(logs, "block_number", BlockNumber(9)), "outside of the range"),
        (lambda logs: changed(logs, "address", STRANGER), "not asked for"),
        (lambda logs: changed(logs, "topics", [b"\x05" * 32]), "not asked for"),
        (lambda logs: changed(logs, "topics", []), "not asked for"),
        (lambda logs: changed(logs, "topics", [TRANSFER, b"\x05" * 32]), "not in the bloom"),
        (lambda logs: changed(logs, "address", next(iter(SOURCES.keys() - {TOKEN}))), "bloom"),
    ],
)
def test_check_logs__impossible_log__refused(
    alter: Callable[[LogBatch], LogBatch], message: str
) -> None:
    headers, logs = one_log_chain()

    with pytest.raises(LogRefused, match=message):
        check_logs(alter(logs), headers, WANTED)


def test_check_logs__log_in_block_with_empty_bloom__refused() -> None:
    headers, logs = one_log_chain()
    moved = replace(logs, block_number=[BlockNumber(3)] * 2, block_hash=[headers[2].hash] * 2)

    assert headers[2].logs_bloom == EMPTY_BLOOM
    with pytest.raises(LogRefused, match="bloom"):
        check_logs(moved, headers, WANTED)


def test_check_logs__other_block_hash__disagrees() -> None:
    headers, logs = one_log_chain()

    with pytest.raises(AnswersDisagree):
        check_logs(changed(logs, "block_hash", Hash32(b"\x08" * 32)), headers, WANTED)


def test_may_hold__empty_bloom__never() -> None:
    assert not may_hold(EMPTY_BLOOM, WANTED)


def test_may_hold__address_without_topic__never() -> None:
    bloom = bloom_mask(TOKEN).to_bytes(BLOOM_BYTES, "big")

    assert not may_hold(bloom, WANTED)
    assert may_hold((bloom_mask(TOKEN) | bloom_mask(TRANSFER)).to_bytes(BLOOM_BYTES, "big"), WANTED)


def test_may_hold__no_sources__never() -> None:
    assert not may_hold(b"\xff" * BLOOM_BYTES, LogFilter((), ()))


@pytest.mark.skipif(not MAINNET.exists(), reason="../shared/vectors is absent")
def test_bloom_mask__complete_mainnet_blocks__rebuild_their_blooms() -> None:
    blocks = json_lines(MAINNET / "expected_blocks.json")
    logs = json_lines(MAINNET / "expected_logs.json")

    assert len(blocks) == 2
    for block in blocks:
        bloom = 0
        for log in logs:
            if log["block_number"] == block["number"]:
                for value in (log["address"], *log["topics"]):
                    bloom |= bloom_mask(bytes_from_hex(value))
        assert bloom == int(block["logs_bloom"], 16)


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
