"""Raw logs as rows, as a node's JSON objects, and the blocks that they are of."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from contracts.bloom import BLOOM_BYTES, bloom_mask
from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from indexer.blocks import Block, hash_rows
from indexer.logs import RawLog
from tests.fakes_chain import sealed_header

Answer = dict[str, Any]


def log_object(log: RawLog) -> Answer:
    """The log as eth_getLogs gives it."""
    return {
        "address": "0x" + log.address.hex(),
        "topics": ["0x" + topic.hex() for topic in log.topics],
        "data": "0x" + log.data.hex(),
        "blockNumber": hex(log.block_number),
        "blockHash": str(log.block_hash),
        "transactionHash": str(log.transaction_hash),
        "transactionIndex": hex(log.transaction_index),
        "logIndex": hex(log.log_index),
        "removed": False,
    }


def made_up_logs(*counts: int, first_block: int = 7) -> list[RawLog]:
    """So many logs of each block from `first_block` up; two logs a transaction, 0 to 4 topics."""
    return [
        RawLog(
            BlockNumber(first_block + block),
            Hash32(bytes((0xB0, block)) * 16),
            LogIndex(3 * place),
            Address(bytes((0xA0 + place % 2,)) * 20),
            tuple(bytes((place, topic, block, 1)) * 8 for topic in range(place % 5)),
            bytes((block, place)) * (place % 3),
            Hash32(bytes((0xD0, block, place >> 1, 9)) * 8),
            place >> 1,
        )
        for block, count in enumerate(counts)
        for place in range(count)
    ]


def blocks_of(logs: Sequence[RawLog], *, first_block: int, count: int) -> list[Block]:
    """Blocks that hold these logs and nothing else, and list their transactions.

    Their hashes are those that the logs say, and not those of their headers.
    """
    blocks = []
    header = sealed_header(None, timestamp=1, salt=0, logs=())
    for number in range(first_block, first_block + count):
        own = [log for log in logs if log.block_number == number]
        bloom = 0
        for value in (value for log in own for value in (log.address, *log.topics)):
            bloom |= bloom_mask(value)
        listed = {log.transaction_index: log.transaction_hash for log in own}
        changes: dict[str, Any] = {"hash": own[0].block_hash} if own else {}
        changes |= {"number": number, "logs_bloom": bloom.to_bytes(BLOOM_BYTES, "big")}
        hashes = [
            listed.get(place, Hash32(bytes(32))) for place in range(max(listed, default=-1) + 1)
        ]
        blocks.append(Block(header=replace(header, **changes), transactions=hash_rows(hashes)))
    return blocks


def any_raw_logs(logs_max: int = 12) -> st.SearchStrategy[list[RawLog]]:
    """Logs in no order, of any shape."""
    number, hash32 = st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32)
    log = st.builds(
        RawLog,
        number.map(BlockNumber),
        hash32.map(Hash32),
        number.map(LogIndex),
        st.binary(min_size=20, max_size=20).map(Address),
        st.lists(hash32, max_size=4).map(tuple),
        st.binary(max_size=70),
        hash32.map(Hash32),
        number,
    )
    return st.lists(log, max_size=logs_max)
