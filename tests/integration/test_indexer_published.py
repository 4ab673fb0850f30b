"""Published exchanges, each put to the indexer's reader by a node that answers so."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contracts.evm import Address, BlockNumber, Hash32, bytes_from_hex
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.adapters.rpc import RPCReader
from indexer.adapters.rpc_answers import blocks_from_answers
from indexer.blocks import Block, hash_rows
from indexer.chain import Header, verified
from indexer.chain_profiles import CHAIN_PROFILES
from indexer.completeness import LogFilter, check_logs
from indexer.errors import AnswersDisagree, ReceiptsRefused, RPCFailed
from indexer.logs import LogBatch
from indexer.ranges import BlockRange, OtherProvider, Permanent, advice_from
from indexer.receipt_batch import prove_receipts
from tests.block_answers import made_up_block
from tests.fakes_chain import TOKEN
from tests.published import Exchange, chain_headers, exchanges
from tests.scripted_node import Answer, ScriptedNode, scripted_node

LIMITS = RPCLimits(timeout_s=2, calls_max=3, answer_bytes_max=10_000_000)
ASKED = BlockRange(BlockNumber(1), BlockNumber(55))
WANTED = LogFilter((TOKEN,), (Hash32(b"\x07" * 32),))


def replying(one: Exchange) -> Answer:
    def answer(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        (call,) = calls
        return 200, json.dumps(one.reply | {"id": call["id"]}).encode()

    return answer


def each(*methods: str, has_result: bool = False) -> pytest.MarkDecorator:
    asked = [one for method in methods for one in exchanges(method)]
    found = [one for one in asked if one.result or not has_result]
    return pytest.mark.parametrize("one", found, ids=[one.name for one in found])


@pytest.fixture(scope="module")
def node() -> Iterator[ScriptedNode]:
    with scripted_node() as node:
        yield node


@pytest.fixture
def reader(node: ScriptedNode) -> Iterator[RPCReader]:
    reader = RPCReader(JSONRPC(node.url, LIMITS))
    yield reader
    reader.close()


def headers_of(logs: LogBatch) -> list[Header]:
    """The headers of the published chain that these logs are of."""
    known = {header.hash: header for header in chain_headers()}
    found = {known.get(log.block_hash) for log in logs.rows()}
    return sorted((one for one in found if one is not None), key=lambda one: one.number)


@each("eth_getLogs")
def test_logs__published__every_value_as_answered_or_the_error(
    node: ScriptedNode, reader: RPCReader, one: Exchange
) -> None:
    node.script = [replying(one)]
    if "error" in one.reply:
        with pytest.raises(RPCFailed) as caught:
            reader.logs_in_range(ASKED, WANTED)
        said = caught.value
        advice = advice_from(said.message, code=said.code, data=said.data, asked=ASKED)
        assert isinstance(advice, OtherProvider | Permanent)
        return

    logs = reader.logs_in_range(ASKED, WANTED)

    assert [
        (
            hex(log.block_number),
            str(log.block_hash),
            hex(log.log_index),
            "0x" + log.address.hex(),
            ["0x" + topic.hex() for topic in log.topics],
            "0x" + log.data.hex(),
            str(log.transaction_hash),
            hex(log.transaction_index),
        )
        for log in logs.rows()
    ] == [
        tuple(
            log[name]
            for name in (
                *("blockNumber", "blockHash", "logIndex", "address", "topics", "data"),
                *("transactionHash", "transactionIndex"),
            )
        )
        for log in one.result
    ]


@each("eth_getLogs", has_result=True)
def test_check_logs__published__in_the_blooms_of_the_published_chain(
    node: ScriptedNode, reader: RPCReader, one: Exchange
) -> None:
    node.script = [replying(one)]
    logs = reader.logs_in_range(ASKED, WANTED)
    logs = logs.take(np.flatnonzero(logs.topic_count > 0))
    headers = headers_of(logs)
    if not headers:
        pytest.skip("its blocks are not in chain.rlp")
    rows = logs.rows()
    wanted = LogFilter(
        tuple(Address(log.address) for log in rows), tuple(Hash32(log.topics[0]) for log in rows)
    )

    check_logs(logs, [Block(header=header, transactions=None) for header in headers], wanted)


@each("eth_getBlockByNumber", "eth_getBlockByHash")
def test_header__published__verified_or_none(
    node: ScriptedNode, reader: RPCReader, one: Exchange
) -> None:
    node.script = [replying(one)]
    if "error" in one.reply:
        with pytest.raises(RPCFailed):
            reader.header(BlockNumber(1))
        return

    header = reader.header(BlockNumber(1))

    assert (header is None) == (one.result is None)
    if header is not None:
        assert verified(header).hash == Hash32(bytes_from_hex(one.result["hash"]))


@each("eth_getBlockReceipts", has_result=True)
def test_receipts__published__proved_by_the_published_chain(
    node: ScriptedNode, reader: RPCReader, one: Exchange
) -> None:
    node.script = [replying(one)]
    name = one.result[0]["blockHash"]
    header = next((known for known in chain_headers() if str(known.hash) == name), None)
    if header is None:
        pytest.skip("its block is not in chain.rlp")
    hashes = [Hash32(bytes_from_hex(receipt["transactionHash"])) for receipt in one.result]
    block = Block(header=header, transactions=hash_rows(hashes))

    proved = prove_receipts([block], reader.receipts([block]), CHAIN_PROFILES[0])

    assert len(proved) == sum(len(receipt["logs"]) for receipt in one.result)


@each("eth_getBlockReceipts")
def test_receipts__published_answer_without_any__never_none_of_a_block_that_has_some(
    node: ScriptedNode, reader: RPCReader, one: Exchange
) -> None:
    if one.result:
        one = replace(one, reply={"result": None})
    node.script = [replying(one)]
    (block,) = blocks_from_answers([made_up_block()[0]])

    with pytest.raises((RPCFailed, AnswersDisagree, ReceiptsRefused)):
        prove_receipts([block], reader.receipts([block]), CHAIN_PROFILES[0])
