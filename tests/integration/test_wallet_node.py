"""A wallet's node that answers wrongly: no such answer is taken for one.

Subjects: settlement.payouts.adapters.wallet_node, settlement.payouts.adapters.endpoint.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from settlement.errors import ChainUnavailable
from settlement.payouts.adapters.endpoint import Endpoint
from settlement.payouts.adapters.wallet_node import NodeWallet
from settlement.payouts.broadcast import Answer
from settlement.payouts.record_gas import AccountAt
from tests.scripted_node import Answer as Reply
from tests.scripted_node import ScriptedNode, failure, raw, scripted_node

WALLET, HASH, OTHER = Address(b"\x99" * 20), Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
BLOCK = BlockRef(
    number=BlockNumber(7),
    hash=Hash32(b"\x07" * 32),
    parent_hash=Hash32(b"\x06" * 32),
    timestamp=Timestamp(70),
)
BODY = {
    "hash": str(HASH),
    "from": str(WALLET),
    "to": None,
    "nonce": "0x0",
    "input": "0x",
    "value": "0x5",
}
RECEIPT = {
    "transactionHash": str(HASH),
    "status": "0x1",
    "blockNumber": "0x7",
    "blockHash": str(BLOCK.hash),
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x3",
}


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with scripted_node() as made:
        yield made


def wallet(node: ScriptedNode) -> NodeWallet:
    return NodeWallet(node.url, WALLET, timeout_s=5, told=str)


def listed(result: object) -> Reply:
    """The answer to a batch of one call."""
    return lambda calls: (200, json.dumps([{"id": calls[0]["id"], "result": result}]).encode())


def test_mined__as_it_must_be__with_what_it_cost(node: ScriptedNode) -> None:
    node.script = [listed(RECEIPT), listed(BODY)]

    (one,) = wallet(node).mined([HASH]).values()

    assert (one.tx_hash, one.value_wei, one.gas_used, one.l1_fee_wei) == (HASH, 5, 21_000, 0)


@pytest.mark.parametrize(
    ("receipt", "body"),
    [
        ({"gasUsed": "-0x5208"}, {}),
        ({"gasUsed": 21_000}, {}),
        ({"gasUsed": None}, {}),
        ({"effectiveGasPrice": "0x"}, {}),
        ({"effectiveGasPrice": "0x1_0"}, {}),
        ({"l1Fee": 7}, {}),
        ({"l1Fee": ""}, {}),
        ({"type": "0x3"}, {}),
        ({"status": True}, {}),
        ({"blockHash": "0x07"}, {}),
        ({"transactionHash": str(OTHER)}, {}),
        ({}, {"value": "-0x5"}),
        ({}, {"hash": str(OTHER)}),
        ({"transactionHash": str(OTHER)}, {"hash": str(OTHER)}),
        ({}, {"from": 5}),
        ({}, {"nonce": "0"}),
        ({}, {"input": None}),
    ],
)
def test_mined__field_of_another_kind_or_transaction__unavailable(
    node: ScriptedNode, receipt: dict[str, Any], body: dict[str, Any]
) -> None:
    node.script = [listed(RECEIPT | receipt), listed(BODY | body)]

    with pytest.raises(ChainUnavailable, match=r"does not read as one|another transaction"):
        wallet(node).mined([HASH])


def test_mined__operator_fee_whose_block_is_not_shown__unavailable_and_not_free(
    node: ScriptedNode,
) -> None:
    fees = {"operatorFeeScalar": "0x1", "operatorFeeConstant": "0x1"}
    node.script = [listed(RECEIPT | fees), listed(BODY), listed(None)]

    with pytest.raises(ChainUnavailable, match="eth_getBlockByHash"):
        wallet(node).mined([HASH])


@pytest.mark.parametrize(
    ("message", "is_gone"),
    [
        ("historical state not available in path scheme yet", True),
        ("No state available for block 7", True),
        ("World state unavailable", True),
        ("service not available", False),
        ("upstream is not available, try again", False),
    ],
)
def test_account__words_about_state_and_about_service__told_apart(
    node: ScriptedNode, message: str, *, is_gone: bool
) -> None:
    node.script = [failure(-32000, message)]

    if is_gone:
        assert wallet(node).account(BLOCK) is None
        return
    with pytest.raises(ChainUnavailable, match="available"):
        wallet(node).account(BLOCK)


def batch(*ids: object) -> bytes:
    return json.dumps([{"id": one, "result": hex(5 + at)} for at, one in enumerate(ids)]).encode()


@pytest.mark.parametrize("ids", [(0, 0), ("0", "1"), (0, "1"), (True, 0), (0,), (0, 1, 2)])
def test_account__batch_that_is_not_answered_one_by_one__unavailable(
    node: ScriptedNode, ids: tuple[object, ...]
) -> None:
    """Which answer is the balance, and which the nonce, only the ids say."""
    node.script = [raw(200, batch(*ids))]

    with pytest.raises(ChainUnavailable):
        wallet(node).account(BLOCK)


@pytest.mark.filterwarnings("ignore:Received batch response with missing `id`:RuntimeWarning")
def test_account__batch_without_ids__unavailable(node: ScriptedNode) -> None:
    node.script = [raw(200, batch(0, None))]

    with pytest.raises(ChainUnavailable, match="not answered one by one"):
        wallet(node).account(BLOCK)


def test_account__answers_in_another_order__by_their_ids(node: ScriptedNode) -> None:
    node.script = [raw(200, batch(1, 0))]

    assert wallet(node).account(BLOCK) == AccountAt(6, 5)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b'{"id":0,"result":"0x01","error":null}', Answer.ACCEPTED),
        (b'{"id":0,"error":{"code":"-32000","message":5}}', Answer.UNCLEAR),
        (b'{"id":0,"error":"nonce too low"}', Answer.NONCE_SPENT),
        (b'{"id":0}', Answer.UNCLEAR),
        (b"[]", Answer.UNCLEAR),
        (b"<html>", Answer.UNCLEAR),
    ],
)
def test_send_raw__whatever_is_answered__a_result(
    node: ScriptedNode, content: bytes, answer: Answer
) -> None:
    node.script = [raw(200, content)]

    assert Endpoint(node.url, timeout_s=5, told=str).send_raw(b"\x01").answer is answer
