"""One submitter against the fake chain: what a tick does, stores and never does."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from contracts.calls import Refusal
from contracts.evm import ZERO_HASH, BlockNumber
from settlement.errors import (
    ChainUnavailable,
    NodeBehind,
    NonceDrift,
    OperationConflict,
    SignatureMismatch,
)
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import Fate, SignedTransaction, TransactionDraft
from settlement.payouts.submit import Stop
from tests.fakes_payout_chain import (
    BORDERS,
    SENDER,
    Crash,
    FakeBooks,
    FakeSigner,
    FakeTransaction,
    FixedFinality,
    World,
    approved_commit,
    operation,
    single_call,
    withdrawal,
)


def world(*, leaves: int = 1) -> World:
    return World(books=FakeBooks(leaves=[withdrawal(index) for index in range(leaves)]))


def fates(one: World) -> list[Fate]:
    return [outcome.fate for outcome in one.store.outcomes]


def test_tick__one_leaf__planned_signed_sent_final() -> None:
    one = world()

    first = one.submitter.tick()
    one.chain.mine()
    waiting = one.submitter.tick()
    one.chain.finalize()
    last = one.submitter.tick()

    assert (first.planned, len(first.signed)) == (1, 1)
    assert one.store.reserved == [operation().op_id]
    assert (waiting.signed, waiting.recorded) == ((), ())
    assert [outcome.fate for outcome in last.recorded] == [Fate.SETTLED]
    assert last.recorded[0].tx_hash == first.signed[0]
    assert one.submitter.tick().recorded == ()


def test_tick__many_leaves__batched_and_pipelined_up_to_the_limit() -> None:
    one = world(leaves=40)

    report = one.submitter.tick()

    assert report.stop is Stop.IN_FLIGHT_FULL
    assert len(report.signed) == one.limits.in_flight_max
    assert [transaction.nonce for transaction in one.store.transactions] == [0, 1, 2, 3]
    one.settle(rounds=6)
    assert fates(one) == [Fate.SETTLED] * 40
    assert one.chain.effects().second_payments == 0


def test_tick__commit_and_leaf__commit_travels_alone_with_fresh_signatures() -> None:
    one = World(books=FakeBooks(commits=[approved_commit(1, deadline=1)]))
    one.chain.quote = FeeQuote(base_fee_wei=10**12, tip_wei=1)
    assert one.submitter.tick().stop is Stop.FEE_ABOVE_CAP
    one.chain.quote = FeeQuote(base_fee_wei=10, tip_wei=1)
    one.books.commits = [approved_commit(1, deadline=2)]

    report = one.submitter.tick()

    (stored,) = one.store.operations.values()
    fresh = approved_commit(1, deadline=2)
    assert len(report.signed) == 1
    assert (2).to_bytes(32, "big") in one.store.transactions[0].raw
    assert fresh.approval.deadline == 2
    assert one.store.reserved == []
    one.settle(rounds=2)
    assert fates(one) == [Fate.SETTLED]
    assert stored.op_id in one.chain.effects().settled_by


def test_tick__same_leaf_with_other_amount__corrupt() -> None:
    one = world()
    one.submitter.tick()
    other = single_call(withdrawal(0), amount=5)

    with pytest.raises(OperationConflict, match=str(other.op_id)):
        one.store.plan([other])


def test_tick__paused__observes_but_sends_nothing() -> None:
    one = world()
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.moods = {"paused"}
    one.books.leaves.append(withdrawal(1))

    report = one.submitter.tick()

    assert report.stop is Stop.PAUSED
    assert (report.planned, report.sent_again, report.signed) == (0, (), ())
    assert not one.chain.mempool


def test_tick__dropped_by_the_mempool__same_bytes_sent_again() -> None:
    one = world()
    signed = one.submitter.tick().signed
    one.chain.drop_mempool()

    report = one.submitter.tick()

    assert report.sent_again == signed
    assert report.signed == ()
    assert list(one.chain.mempool) == list(signed)


def test_tick__crash_after_storing_before_sending__sent_once_after_restart() -> None:
    one = world()
    one.submitter.tick()
    one.chain.drop_mempool()
    (stored,) = one.store.transactions

    one.settle(rounds=3)

    assert [transaction.tx_hash for transaction in one.store.transactions] == [stored.tx_hash]
    assert fates(one) == [Fate.SETTLED]


@pytest.mark.parametrize("border", BORDERS)
def test_tick__crash_at_any_border__nothing_sent_that_is_not_stored_and_paid_once(
    border: str,
) -> None:
    one = world(leaves=3)
    one.faults.crash_at = border
    with suppress(Crash):
        one.submitter.tick()
    stored = {transaction.tx_hash for transaction in one.store.transactions}
    assert one.chain.mempool.keys() <= stored

    one.chain.mine()
    one.chain.finalize()
    with suppress(Crash):
        one.submitter.tick()
    one.settle(rounds=4)

    assert not one.faults.crash_at
    assert fates(one) == [Fate.SETTLED] * 3
    assert one.chain.effects().second_payments == 0


def test_tick__foreign_hash_spends_nonce_then_reorg__no_new_nonce_before_finality() -> None:
    """A displaced nonce can come back: only finality frees the operation."""
    one = world()
    signed = one.submitter.tick().signed
    one.chain.spend_nonce_elsewhere(0)
    assert one.submitter.tick().signed == ()
    one.chain.reorg(1, returns_to_mempool=False)

    one.settle(rounds=3)

    assert [transaction.tx_hash for transaction in one.store.transactions] == list(signed)
    assert fates(one) == [Fate.SETTLED]


def test_tick__foreign_hash_spends_nonce_finally__signed_anew() -> None:
    one = world()
    one.submitter.tick()
    one.chain.spend_nonce_elsewhere(0)
    one.chain.finalize()

    report = one.submitter.tick()

    assert len(report.signed) == 1
    one.settle(rounds=3)
    assert fates(one) == [Fate.DISPLACED, Fate.SETTLED]


def test_tick__final_revert__signed_anew_and_both_recorded() -> None:
    one = world()
    one.submitter.tick()
    one.chain.mine(failing=True)
    assert one.submitter.tick().signed == ()
    one.chain.finalize()

    one.settle(rounds=3)

    assert fates(one) == [Fate.REVERTED, Fate.SETTLED]


def test_tick__reverts_for_ever__exhausted() -> None:
    one = world()
    one.limits = replace(one.limits, nonces_per_operation_max=2)
    for _ in range(3):
        report = one.submitter.tick()
        one.chain.mine(failing=True)
        one.chain.finalize()

    assert report.exhausted == (operation().op_id,)
    assert len(one.store.transactions) == 2


def test_tick__verdict_after_planning__held_then_paid() -> None:
    one = world(leaves=2)
    held_work = withdrawal(0).leaf.work_id
    one.chain.under_verdict.add(held_work)

    report = one.submitter.tick()

    assert [held.objection.refusal for held in report.held] == [Refusal.WORK_UNDER_VERDICT]
    one.settle(rounds=2)
    assert fates(one) == [Fate.SETTLED]
    one.chain.under_verdict.clear()
    one.settle(rounds=3)
    assert fates(one) == [Fate.SETTLED, Fate.SETTLED]


def test_tick__verdict_between_signing_and_mining__refused_item_paid_later() -> None:
    one = world(leaves=2)
    one.submitter.tick()
    one.chain.under_verdict.add(withdrawal(0).leaf.work_id)
    one.chain.mine()
    one.chain.under_verdict.clear()
    one.chain.finalize()

    one.settle(rounds=3)

    assert sorted(fates(one)) == [Fate.REFUSED, Fate.SETTLED, Fate.SETTLED]
    assert one.chain.effects().second_payments == 0


def test_tick__stranger_withdrew_and_mempool_lost_ours__nonce_is_still_filled() -> None:
    """A closed operation's nonce must not become a gap that blocks later payouts."""
    one = world()
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.withdraw_elsewhere(operation().op_id)
    one.chain.finalize()
    one.submitter.tick()
    assert fates(one) == [Fate.SETTLED_ELSEWHERE]
    one.chain.drop_mempool()
    one.books.leaves.append(withdrawal(1))

    one.settle(rounds=4)

    assert fates(one) == [Fate.SETTLED_ELSEWHERE, Fate.SETTLED]
    assert one.chain.effects().counts[SENDER] == 2


def test_tick__key_used_elsewhere_above_ours__halts() -> None:
    one = world()
    one.submitter.tick()
    one.chain.mine()
    one.chain.spend_nonce_elsewhere(1)

    with pytest.raises(NonceDrift, match="next nonce is 1 by our records, 2 by the chain"):
        one.submitter.tick()


def test_tick__first_use_of_a_used_key__starts_at_the_chains_count_once_it_is_final() -> None:
    one = world()
    foreign = FakeTransaction(ZERO_HASH, SENDER, 0, b"", is_ours=False)
    one.chain.mempool[ZERO_HASH] = foreign
    one.chain.mine()

    assert one.submitter.tick().stop is Stop.KEY_UNSETTLED
    one.chain.finalize()
    one.submitter.tick()

    assert [transaction.nonce for transaction in one.store.transactions] == [1]


def test_tick__fee_above_cap__stops_without_signing() -> None:
    one = world()
    one.chain.quote = FeeQuote(base_fee_wei=10**12, tip_wei=0)

    assert one.submitter.tick().stop is Stop.FEE_ABOVE_CAP
    assert one.store.transactions == []


def test_tick__node_wants_more_gas_than_planned__batch_halved() -> None:
    one = world(leaves=4)
    one.chain.gas_per_item = 200_000

    report = one.submitter.tick()

    carried = Counter(nonce for _, _, nonce in one.store.inclusions)
    assert len(report.signed) == 2
    assert carried == {0: 2, 1: 2}


def test_tick__single_withdrawal_above_budget__held() -> None:
    one = world()
    one.limits = replace(one.limits, gas_max=99_999)

    report = one.submitter.tick()

    assert [held.op_id for held in report.held] == [operation().op_id]
    assert "needs 100000 gas" in report.held[0].objection.reason


def test_tick__signer_returns_another_nonce__corrupt_and_nothing_stored() -> None:
    class WrongSigner(FakeSigner):
        def sign(self, draft: TransactionDraft) -> SignedTransaction:
            return super().sign(replace(draft, nonce=draft.nonce + 1))

    one = world()
    lying = replace(one.submitter, signer=WrongSigner())

    with pytest.raises(SignatureMismatch, match="another nonce"):
        lying.tick()
    assert one.store.transactions == []


def test_tick__node_down_or_behind__transient() -> None:
    one = world()
    one.chain.moods = {"down"}
    with pytest.raises(ChainUnavailable):
        one.submitter.tick()

    one.chain.moods = set()
    one.chain.mine()
    ahead = replace(one.chain.head(), number=BlockNumber(9))
    with pytest.raises(NodeBehind, match="head is block 1, the finalized block is 9"):
        replace(one.submitter, finality=FixedFinality(ahead)).tick()


def test_tick__nothing_finalized__idle() -> None:
    report = replace(world().submitter, finality=FixedFinality(None)).tick()

    assert report.stop is Stop.NO_FINALIZED_BLOCK


def test_tick__books_keep_listing_planned_leaves__planned_once() -> None:
    one = world(leaves=2)

    assert [one.submitter.tick().planned for _ in range(2)] == [2, 0]
    assert len(one.store.reserved) == 2
