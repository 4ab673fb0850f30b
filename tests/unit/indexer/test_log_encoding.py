"""RLP of columns of logs against a reference encoder, log by log."""

from itertools import product

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import ZERO_HASH, Address, BlockNumber, LogIndex
from indexer.log_encoding import encoded_logs
from indexer.logs import RawLog, log_batch

DATA_LENGTHS = (0, 1, 2, 31, 32, 55, 56, 64, 255, 256, 65_535, 65_536)
"""About every length at which RLP changes its form."""


def raw_log(topics: int, data: bytes, salt: int = 0) -> RawLog:
    return RawLog(
        BlockNumber(0),
        ZERO_HASH,
        LogIndex(0),
        Address(bytes((salt,)) * 20),
        tuple(bytes((salt, place)) * 16 for place in range(topics)),
        data,
        ZERO_HASH,
        0,
    )


def reference(log: RawLog) -> bytes:
    encoded: bytes = rlp.encode([log.address, list(log.topics), log.data])
    return encoded


def encoded_one_by_one(logs: list[RawLog]) -> list[bytes]:
    buffer, lengths = encoded_logs(log_batch(logs))
    content, found = buffer.tobytes(), []
    for length in lengths.tolist():
        found.append(content[:length])
        content = content[length:]
    assert content == b""
    return found


def test_encoded_logs__every_shape_mixed__equals_reference() -> None:
    shapes = [*product(range(5), DATA_LENGTHS)] * 2
    logs = [
        raw_log(topics, bytes((salt % 251,)) * length, salt % 256)
        for salt, (topics, length) in enumerate(shapes)
    ]

    assert encoded_one_by_one(logs) == [reference(log) for log in logs]


@pytest.mark.parametrize("byte", [0x00, 0x7F, 0x80, 0xFF])
def test_encoded_logs__one_byte_of_data__itself_below_0x80(byte: int) -> None:
    logs = [raw_log(1, bytes((byte,))), raw_log(1, b"\x7f"), raw_log(1, b"\x80")]

    assert encoded_one_by_one(logs) == [reference(log) for log in logs]


def test_encoded_logs__none__nothing() -> None:
    buffer, lengths = encoded_logs(log_batch(()))

    assert (len(buffer), len(lengths)) == (0, 0)


def test_encoded_logs__more_than_one_matrix_holds__order_kept() -> None:
    logs = [raw_log(3, bytes((salt & 255, salt >> 8)) * 500, salt & 255) for salt in range(3_000)]

    assert encoded_one_by_one(logs) == [reference(log) for log in logs]


@given(st.lists(st.tuples(st.integers(0, 4), st.binary(max_size=70)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_encoded_logs__any_logs__equals_reference(shapes: list[tuple[int, bytes]]) -> None:
    logs = [raw_log(topics, data, salt) for salt, (topics, data) in enumerate(shapes)]

    assert encoded_one_by_one(logs) == [reference(log) for log in logs]
