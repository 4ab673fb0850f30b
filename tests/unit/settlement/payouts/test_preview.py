"""A dry run says what the next tick does, and changes nothing."""

from dataclasses import replace

import pytest

from contracts.evm import ZERO_HASH
from settlement.payouts.gas import Fee, FeeAboveCap, FeeQuote
from settlement.payouts.preview import Preview, preview
from tests.fakes_payout_chain import (
    ASSET,
    SENDER,
    FakeBooks,
    FakeTransaction,
    FixedFinality,
    World,
    approved_commit,
    operation,
    withdrawal,
)


def looked(one: World) -> Preview:
    found = preview(one.submitter, one.store)
    assert found is not None
    return found


def test_preview__leaves_and_a_commit__what_the_tick_then_does() -> None:
    one = World(
        books=FakeBooks(
            leaves=[withdrawal(index) for index in range(8)], commits=[approved_commit(2)]
        )
    )
    before = one.store.backup()

    seen = looked(one)

    assert (one.store.operations, one.store.transactions) == (
        before.operations,
        before.transactions,
    )
    assert (seen.obstacles, seen.held, seen.upkeep) == ((), (), ())
    assert seen.money_left_wei == one.chain.wei - sum(tx.cost_max_wei for tx in seen.proposed)
    report = one.submitter.tick()
    assert report.planned == len(seen.planned) == 9
    signed = one.store.transactions
    assert [(tx.nonce, tx.gas, tx.max_fee_wei) for tx in seen.proposed] == [
        (tx.nonce, tx.gas, tx.max_fee_wei) for tx in signed
    ]
    carried = [(op_id, tx.nonce) for tx in seen.proposed for op_id in tx.op_ids]
    assert {(op_id, SENDER, nonce) for op_id, nonce in carried} == one.store.inclusions
    assert looked(one).proposed == ()


def test_preview__open_nonces__what_each_needs() -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0)]))
    one.submitter.tick()
    tx_hash = one.store.transactions[0].tx_hash
    assert looked(one).upkeep == ()
    one.chain.drop_mempool()
    lacking = looked(one).upkeep
    one.chain.quote = FeeQuote(base_fee_wei=10**10, tip_wei=0)
    low = looked(one).upkeep
    one.chain.quote = FeeQuote(base_fee_wei=10**12, tip_wei=0)
    high = looked(one)

    (resend,), (dear,), (above,) = lacking, low, high.upkeep
    assert (resend.nonce, resend.need, resend.tx_hash) == (0, "Resend", tx_hash)
    assert dear.need == "Replace"
    assert isinstance(dear.fee, Fee)
    assert above.need == "AtCap"
    assert isinstance(above.fee, FeeAboveCap)
    assert high.obstacles == ("fee_above_cap",)
    assert len(one.store.transactions) == 1


def test_preview__obstacles__all_named() -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(index) for index in range(40)]))
    one.limits = replace(one.limits, in_flight_max=1)
    one.chain.moods = {"paused"}
    one.chain.wei = 1
    one.chain.mempool[ZERO_HASH] = FakeTransaction(ZERO_HASH, SENDER, 0, b"", is_ours=False)

    seen = looked(one)

    assert seen.obstacles == ("paused", "key_unsettled", "no_gas_money", "in_flight_full")
    assert seen.next_nonce == 1
    assert seen.money_left_wei < 0
    assert one.store.adoptions == []


def test_preview__unbacked_and_closed__held_and_left_out() -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0)]))
    one.settle(rounds=3)
    one.books.leaves.append(withdrawal(1))
    one.chain.shortfalls[ASSET] = 7

    seen = looked(one)

    assert [held.op_id for held in seen.held] == [operation(1).op_id]
    assert seen.planned == (operation(1).op_id,)
    assert seen.proposed == ()


def test_preview__remainder_while_the_old_nonce_is_open__not_proposed() -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0, lines=3)]))
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.held = {withdrawal(0, lines=3).leaf.lines[0].payee}
    one.chain.withdraw_elsewhere(withdrawal(0, lines=3))
    one.chain.held = set()
    one.chain.mine()
    one.chain.finalize()

    seen = looked(one)

    assert seen.planned == (operation(0, lines=3, settled=0b110).op_id,)
    assert seen.proposed == ()


@pytest.mark.parametrize("data_fee", [0, 10**9])
def test_preview__data_fee__part_of_the_cost(data_fee: int) -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0)]))
    one.chain.data_fee_wei = data_fee

    (proposed,) = looked(one).proposed

    assert proposed.data_fee_wei == data_fee
    assert proposed.cost_max_wei == proposed.gas * proposed.max_fee_wei + data_fee


def test_preview__nothing_finalized__none() -> None:
    one = World()

    assert preview(replace(one.submitter, finality=FixedFinality(None)), one.store) is None
