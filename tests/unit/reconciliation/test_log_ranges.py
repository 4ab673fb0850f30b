"""`reconciliation.adapters.logs`: how many blocks are asked about, and what becomes of answers."""

import gc
from collections.abc import Sequence
from typing import Any, cast

import pytest

from contracts.evm import Address
from reconciliation.adapters.client import Refused, RPCClient
from reconciliation.adapters.logs import FIRST_BLOCKS, RANGE_BLOCKS, RANGE_LOGS, LogReader, raw_logs
from reconciliation.errors import ChainUnavailable

CONTRACT = Address(b"\xc0" * 20)


def log(number: int, index: int = 0) -> dict[str, Any]:
    return {
        "blockNumber": hex(number),
        "logIndex": hex(index),
        "blockHash": "0x" + "bb" * 32,
        "transactionHash": "0x" + "aa" * 32,
        "address": str(CONTRACT),
        "topics": ["0x" + "11" * 32, "0x" + "22" * 32],
        "data": "0x07",
    }


class Node:
    """So many logs in every block; it refuses more than so many blocks at once."""

    host = "node"

    def __init__(self, logs_per_block: int, blocks_max: int = 10**9) -> None:
        self.logs_per_block, self.blocks_max = logs_per_block, blocks_max
        self.asked: list[range] = []
        self.refused = 0

    def tried(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        ((_, (question,)),) = calls
        span = range(int(question["fromBlock"], 16), int(question["toBlock"], 16) + 1)
        if len(span) > self.blocks_max:
            self.refused += 1
            return [Refused("too many blocks")]
        self.asked.append(span)
        one = [log(span.start)] if self.logs_per_block else []
        return [one * (self.logs_per_block * len(span))]


def ranges_of(node: Node, end: int) -> list[range]:
    reader = LogReader(cast(RPCClient, cast(Any, node)))
    for _ in reader.ranges([CONTRACT], [], 0, end):
        pass
    assert [one.start for one in node.asked] == [0, *(one.stop for one in node.asked[:-1])]
    assert node.asked[-1].stop == end
    return node.asked


def test_ranges__hardly_any_logs__wider_up_to_the_limit() -> None:
    widths = [len(one) for one in ranges_of(Node(0), 10_000)]

    assert widths[:3] == [FIRST_BLOCKS, 2 * FIRST_BLOCKS, 4 * FIRST_BLOCKS]
    assert max(widths) == RANGE_BLOCKS


def test_ranges__dense_blocks__narrower_so_that_answers_are_bounded() -> None:
    per_block = 1_000
    widths = [len(one) for one in ranges_of(Node(per_block), 300)]

    assert all(width * per_block <= RANGE_LOGS + per_block * 3 for width in widths[4:])


def test_ranges__node_refuses__halved_until_it_answers_and_not_tried_again() -> None:
    node = Node(0, blocks_max=7)

    assert all(len(one) <= 7 for one in ranges_of(node, 500))
    assert node.refused == 4


def test_ranges__node_refuses_one_block__unavailable() -> None:
    with pytest.raises(ChainUnavailable):
        ranges_of(Node(0, blocks_max=0), 5)


def test_raw_logs__any_order__in_chain_order_and_to_the_byte() -> None:
    found = raw_logs([log(2), log(1, 1), log(1), log(1) | {"topics": [], "logIndex": "0x3"}])

    assert [one[:2] for one in found] == [(1, 0), (1, 1), (1, 3), (2, 0)]
    assert found[0].topics == (b"\x11" * 32, b"\x22" * 32)
    assert (found[2].topics, found[0].data, found[0].address) == ((), b"\x07", bytes(CONTRACT))
    assert (found[0].block_hash, found[0].transaction_hash) == (b"\xbb" * 32, b"\xaa" * 32)


def test_ranges__collector_of_cycles__as_it_was_whenever_others_run() -> None:
    node = Node(1)
    reader = LogReader(cast(RPCClient, cast(Any, node)))

    enabled = [gc.isenabled() for _ in reader.ranges([CONTRACT], [], 0, 500)]
    with pytest.raises(ChainUnavailable):
        ranges_of(Node(0, blocks_max=0), 5)

    assert set(enabled) == {True}
    assert gc.isenabled()
