"""Proofs of paid and unpaid leaves from a real node's state.

Subjects: settlement.payouts.adapters.state, settlement.payouts.prove, contracts.storage.
"""

from dataclasses import replace

import pytest

from contracts.calls import commit_epoch_call, withdraw_call
from contracts.evm import Address, BlockNumber, BlockRef, Hash32
from contracts.state_proof import account_at
from indexer.adapters.rpc_answers import header_from_answer
from indexer.chain import header_rlp
from scripts.embedded.anvil import AnvilNode
from settlement.errors import ChainUnavailable
from settlement.payouts.adapters.state import NodeState
from settlement.payouts.errors import OtherLeafSettled, ProofRefused
from settlement.payouts.obligations import withdraw_operation
from settlement.payouts.operation import Operation
from settlement.payouts.prove import ProvedLeaf, prove_operation
from tests.payouts_settlement import (
    CHAIN_ID,
    VETO_WINDOW,
    DevNode,
    approved,
    deployed,
    withdrawals,
)


class Site:
    """A settlement of which one leaf of four is paid, finally."""

    def __init__(self, node: DevNode) -> None:
        self.node, self.place = node, deployed(node)
        self.state = NodeState(node.url, timeout_s=10, told=str)
        node.finalize()
        commit = approved(node, self.place)
        self._send(commit_epoch_call(commit.approval, commit.signatures))
        node.advance(VETO_WINDOW)
        self.before = node.finalized()
        owed = withdrawals(self.place)
        self._send(withdraw_call(owed[0]))
        node.finalize()
        self.block = node.finalized()
        self.operations = [
            withdraw_operation(one, chain_id=CHAIN_ID, contract=self.place.payouts) for one in owed
        ]

    def prove(
        self, operation: Operation, block: BlockRef, *, leaf_hash: Hash32 | None = None
    ) -> ProvedLeaf:
        ours = replace(operation, content_digest=leaf_hash or operation.content_digest)
        proved = prove_operation(ours, block=block, header=self.header(block), source=self.state)
        assert isinstance(proved, ProvedLeaf)
        return proved

    def header(self, block: BlockRef) -> bytes:
        answer = self.node.call("eth_getBlockByNumber", hex(block.number), False)
        return header_rlp(header_from_answer(answer))

    def _send(self, data: bytes) -> None:
        call = {"from": self.node.admin, "to": str(self.place.payouts), "data": "0x" + data.hex()}
        tx_hash = self.node.call("eth_sendTransaction", call)
        self.node.mine()
        assert self.node.call("eth_getTransactionReceipt", tx_hash)["status"] == "0x1"


@pytest.fixture
def site(anvil: AnvilNode) -> Site:
    return Site(DevNode(anvil.url))


def test_prove_leaf__paid_and_unpaid__proved_from_the_state_root(site: Site) -> None:
    paid, *unpaid = (site.prove(one, site.block) for one in site.operations)

    assert paid.paid_lines == 0b11
    assert paid.open_lines == ()
    assert [one.paid_lines for one in unpaid] == [0, 0, 0]
    assert {one.open_lines for one in unpaid} == {(0, 1)}


def test_prove_leaf__earlier_block__not_paid_yet(site: Site) -> None:
    assert site.prove(site.operations[0], site.before).paid_lines == 0


def test_prove_leaf__proof_of_an_earlier_block__refused(site: Site) -> None:
    """A node that shows the state from before a payment cannot hide it."""
    late = site.state

    class Behind:
        def slot_proof(self, contract: Address, slot: Hash32, at: BlockRef, /) -> object:
            return late.slot_proof(contract, slot, site.before)

    site.state = Behind()  # type: ignore[assignment]

    with pytest.raises(ProofRefused):
        site.prove(site.operations[0], site.block)


def test_prove_leaf__another_leaf_in_our_books__refused(site: Site) -> None:
    with pytest.raises(OtherLeafSettled):
        site.prove(site.operations[0], site.block, leaf_hash=site.operations[1].content_digest)


def test_slot_proof__account_itself__code_and_storage_proved(site: Site) -> None:
    header = header_from_answer(
        site.node.call("eth_getBlockByNumber", hex(site.block.number), False)
    )
    proof = site.state.slot_proof(site.place.payouts, Hash32.from_int(5), site.block)

    account = account_at(header.state_root, site.place.payouts, proof.account_nodes)

    code = bytes.fromhex(site.node.call("eth_getCode", str(site.place.payouts), "latest")[2:])
    assert account.nonce == 1
    assert len(code) > 1_000


def test_slot_proof__no_such_block__unavailable(site: Site) -> None:
    future = replace(site.block, number=BlockNumber(10**6))

    with pytest.raises(ChainUnavailable, match="eth_getProof"):
        site.state.slot_proof(site.place.payouts, Hash32.from_int(5), future)


def test_slot_proof__nobody_listens__unavailable_without_the_url(site: Site) -> None:
    nobody = NodeState("http://127.0.0.1:1/key", timeout_s=1, told=str)

    with pytest.raises(ChainUnavailable) as caught:
        nobody.slot_proof(site.place.payouts, Hash32.from_int(5), site.block)

    assert "key" not in str(caught.value)
