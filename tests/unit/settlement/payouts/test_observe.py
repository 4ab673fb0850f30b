"""One look: what is asked, and of which block."""

import pytest

from contracts.evm import Address
from settlement.errors import ChainUnavailable
from settlement.payouts.observe import observe
from settlement.payouts.operation import History
from settlement.payouts.view import Usage
from tests.fakes_payout_chain import SENDER, FakeBooks, World, operation, withdrawal


def sent_world() -> World:
    one = World(books=FakeBooks(leaves=[withdrawal(0)]))
    one.submitter.tick()
    return one


def test_observe__mined_not_final__usage_of_the_finalized_block_receipt_of_now() -> None:
    one = sent_world()
    one.chain.mine()

    seen = observe(
        one.chain, one.chain.block(0), one.store.open_histories(), spent={}, open_attempts=()
    )

    assert seen.usages == {operation().op_id: Usage.UNUSED}
    assert seen.view.spent == {SENDER: 0}
    assert seen.view.receipts.keys() == {one.store.transactions[0].tx_hash}
    assert seen.view.known == seen.view.receipts.keys()


def test_observe__attempts_of_closed_operations__looked_up_too() -> None:
    one = sent_world()
    attempts = one.store.open_attempts(SENDER, first_nonce=0)

    seen = observe(one.chain, one.chain.block(0), [], spent={SENDER: 0}, open_attempts=attempts)

    assert seen.view.known == {one.store.transactions[0].tx_hash}
    assert seen.usages == {}


def test_observe__block_that_the_node_lacks__transient() -> None:
    one = sent_world()
    one.chain.mine()
    gone = one.chain.block(1)
    one.chain.reorg(1, returns_to_mempool=True)

    with pytest.raises(ChainUnavailable):
        observe(one.chain, gone, one.store.open_histories(), spent={}, open_attempts=())


def test_observe__attempt_of_another_key_for_the_same_leaf__its_count_is_read() -> None:
    """Whether it is spent decides whether the remainder of the leaf may be signed."""
    one = sent_world()
    (first,) = one.store.open_histories()
    remainder = operation(lines=2, settled=0b01)
    history = History(operation=remainder, attempts=(), others=first.attempts, outcomes=())

    seen = observe(one.chain, one.chain.block(0), [history], spent={}, open_attempts=())

    assert seen.view.spent == {SENDER: 0}
    assert seen.view.known == {one.store.transactions[0].tx_hash}


def test_observe__history_of_a_former_key__its_count_is_read() -> None:
    one = sent_world()
    (history,) = one.store.open_histories()
    assert isinstance(history, History)

    seen = observe(
        one.chain, one.chain.block(0), [history], spent={Address(bytes(20)): 9}, open_attempts=()
    )

    assert seen.view.spent == {Address(bytes(20)): 9, SENDER: 0}
