"""One submitter against the fake chain: what a tick does, stores and never does."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from contracts.calls import COMMIT_EPOCH, Refusal, commit_epoch_call
from contracts.evm import ZERO_HASH, BlockNumber, Hash32
from settlement.errors import (
    ChainUnavailable,
    NodeBehind,
    NonceDrift,
    OperationConflict,
    SignatureMismatch,
)
from settlement.payouts.gas import TRANSACTION_GAS_MAX, FeeQuote
from settlement.payouts.operation import Fate, SignedTransaction, TransactionDraft
from settlement.payouts.preview import preview
from settlement.payouts.report import Stop
from tests.fakes_payout_chain import (
    ADOPTION_BORDERS,
    ASSET,
    BORDERS,
    SENDER,
    Crash,
    FakeBooks,
    FakeSigner,
    FakeTransaction,
    FixedFinality,
    World,
    approved_commit,
    is_replacement,
    operation,
    single_call,
    transaction_from_raw,
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
    assert one.second_payments() == 0


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
    assert one.chain.effects().lines(stored.op_id) == 1


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
    assert one.second_payments() == 0


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


def test_tick__reverts_for_ever__exhausted_then_one_more_now_and_then_until_it_pays() -> None:
    """Nothing that is owed is given up: before, only a changed program went on with it."""
    one = world()
    one.limits = replace(one.limits, nonces_per_operation_max=2, retry_after_blocks=10)
    for _ in range(3):
        report = one.submitter.tick()
        one.chain.mine(failing=True)
        one.chain.finalize()

    assert report.exhausted == (operation().op_id,)
    assert len(one.store.transactions) == 2
    signed = [len(one.store.transactions)]
    for _ in range(20):
        one.submitter.tick()
        one.chain.mine(failing=True)
        one.chain.finalize()
        signed.append(len(one.store.transactions))
    assert signed[-1] == 4
    one.settle(rounds=12)
    assert fates(one)[-1] is Fate.SETTLED
    assert one.second_payments() == 0


def test_tick__call_reverts_though_the_node_said_it_would_pay__in_smaller_company_next() -> None:
    """What spoils a call without showing in any question to a node keeps nobody else waiting."""
    one = world(leaves=20)
    one.limits = replace(one.limits, gas_max=TRANSACTION_GAS_MAX)
    one.submitter.tick()
    sizes = [len(one.store.transactions)]

    for _ in range(2):
        one.chain.mine(failing=True)
        one.chain.finalize()
        foreseen = preview(one.submitter, one.store)
        report = one.submitter.tick()
        sizes.append(len(report.signed))
        assert foreseen is not None
        assert len(foreseen.proposed) >= len(report.signed)

    assert sizes == [1, 2, 4]


@pytest.mark.parametrize("intrinsic_gas", [21_000, 90_000])
def test_tick__no_op_where_nothing_costs_more_gas__is_given_it(intrinsic_gas: int) -> None:
    """Data of the chain below is paid in gas on some: 21,000 would be refused for ever."""
    one = world()
    one.chain.intrinsic_gas = intrinsic_gas
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.withdraw_elsewhere(withdrawal(0))
    one.chain.finalize()

    one.settle(rounds=2)

    noop = one.store.transactions[-1]
    assert (noop.is_noop, noop.gas) == (True, 21_000 if intrinsic_gas == 21_000 else 112_500)
    assert one.chain.effects().counts[SENDER] == 1


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
    assert one.second_payments() == 0


def holding(*lines: int) -> World:
    """A leaf of three lines, of which some are held."""
    one = World(books=FakeBooks(leaves=[withdrawal(0, lines=3)]))
    payees = [line.payee for line in withdrawal(0, lines=3).leaf.lines]
    one.chain.held = {payees[line] for line in lines}
    return one


def lines_settled(one: World) -> int:
    return one.chain.effects().lines(operation(lines=3).op_id)


def test_tick__line_held__rest_paid_and_the_line_once_the_hold_is_lifted() -> None:
    one = holding(1)

    one.settle(rounds=3)
    paid_at_first, open_at_first = lines_settled(one), one.store.open_count()
    one.chain.held = set()
    one.settle(rounds=4)

    assert (paid_at_first, open_at_first) == (0b101, 0)
    assert lines_settled(one) == 0b111
    assert fates(one) == [Fate.SETTLED, Fate.SETTLED]
    assert [outcome.op_id for outcome in one.store.outcomes] == [
        operation(lines=3).op_id,
        operation(lines=3, settled=0b101).op_id,
    ]
    assert one.store.reserved == [outcome.op_id for outcome in one.store.outcomes]
    assert one.second_payments() == 0


def test_tick__lines_held_one_after_another__an_operation_for_each_remainder() -> None:
    one = holding(1, 2)
    one.settle(rounds=3)
    one.chain.held.pop()
    one.settle(rounds=4)
    one.chain.held.clear()

    one.settle(rounds=4)

    assert lines_settled(one) == 0b111
    assert fates(one) == [Fate.SETTLED] * 3
    assert one.second_payments() == 0


def test_tick__all_lines_held__nothing_planned_until_one_is_not() -> None:
    one = holding(0, 1, 2)
    one.chain.mine()
    one.chain.finalize()
    one.settle(rounds=2)
    planned = one.store.operations.copy()

    one.chain.held = set()
    one.settle(rounds=4)

    assert planned == {}
    assert fates(one) == [Fate.SETTLED]


def test_tick__all_lines_held_after_planning__held_and_paid_later() -> None:
    one = holding()
    one.chain.quote = FeeQuote(base_fee_wei=10**12, tip_wei=0)
    one.submitter.tick()
    one.chain.quote = FeeQuote(base_fee_wei=10**9, tip_wei=0)
    one.chain.held = {line.payee for line in withdrawal(0, lines=3).leaf.lines}

    report = one.submitter.tick()
    one.chain.held = set()
    one.settle(rounds=3)

    assert [held.objection.refusal for held in report.held] == [Refusal.ALL_LINES_HELD]
    assert report.signed == ()
    assert fates(one) == [Fate.SETTLED]


def test_tick__stranger_withdraws_around_a_hold__remainder_is_ours_to_pay() -> None:
    one = holding(0)
    one.chain.withdraw_elsewhere(withdrawal(0, lines=3))
    one.chain.finalize()
    one.chain.held = set()
    one.settle(rounds=4)

    assert lines_settled(one) == 0b111
    assert fates(one) == [Fate.SETTLED]
    assert list(one.store.operations) == [operation(lines=3, settled=0b110).op_id]


def test_tick__transaction_from_before_the_hold_still_waits__no_second_nonce() -> None:
    """Ours waits in the mempool, a stranger withdraws around a hold, and then the hold is lifted.

    The remainder must wait for our old transaction, which pays it.
    """
    one = holding()
    signed = one.submitter.tick().signed
    ours = one.chain.mempool.copy()
    one.chain.drop_mempool()
    one.chain.held = {withdrawal(0, lines=3).leaf.lines[0].payee}
    one.chain.withdraw_elsewhere(withdrawal(0, lines=3))
    one.chain.held = set()
    one.chain.mine()
    one.chain.finalize()

    report = one.submitter.tick()

    assert report.planned == 1
    assert report.signed == ()
    assert report.sent_again == signed
    assert one.chain.mempool == ours
    one.settle(rounds=3)
    assert lines_settled(one) == 0b111
    assert len(one.store.transactions) == 1
    assert fates(one) == [Fate.SETTLED_ELSEWHERE, Fate.SETTLED_ELSEWHERE]
    assert one.second_payments() == 0


def test_tick__books_behind_the_chain__remainder_that_is_paid_is_closed_at_once() -> None:
    one = holding(1)
    one.settle(rounds=3)
    one.chain.held = set()
    one.settle(rounds=1)
    one.books.lag = 2
    one.settle(rounds=4)

    assert lines_settled(one) == 0b111
    assert one.store.open_count() == 0
    assert one.second_payments() == 0


def test_tick__stranger_withdrew_and_mempool_lost_ours__nonce_is_still_filled() -> None:
    """A closed operation's nonce must not become a gap that blocks later payouts."""
    one = world()
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.withdraw_elsewhere(withdrawal(0))
    one.chain.finalize()
    one.submitter.tick()
    assert fates(one) == [Fate.SETTLED_ELSEWHERE]
    one.chain.drop_mempool()
    one.books.leaves.append(withdrawal(1))

    one.settle(rounds=4)

    assert fates(one) == [Fate.SETTLED_ELSEWHERE, Fate.SETTLED]
    assert one.chain.effects().counts[SENDER] == 2


def test_tick__key_used_elsewhere_above_ours__waits_for_finality_then_goes_on() -> None:
    """A relayer whose count had drifted from the chain's never signed again."""
    one = world()
    one.submitter.tick()
    one.chain.mine()
    one.chain.spend_nonce_elsewhere(1)
    one.books.leaves.append(withdrawal(1))

    waiting = one.submitter.tick()
    one.chain.finalize()
    after = one.submitter.tick()

    assert (waiting.stop, waiting.signed) == (Stop.KEY_UNSETTLED, ())
    assert [(one.first_nonce, one.next_nonce) for one in one.store.adoptions] == [(1, 2)]
    assert len(after.signed) == 1
    assert [transaction.nonce for transaction in one.store.transactions] == [0, 2]


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


def unmined(one: World, *, blocks: int) -> None:
    """Blocks that include nothing of ours."""
    one.chain.tip_wei_min = 10**17
    for _ in range(blocks):
        one.chain.mine()
    one.chain.tip_wei_min = 0


def test_tick__not_mined_for_too_long__replaced_at_the_same_nonce() -> None:
    one = world()
    one.submitter.tick()
    unmined(one, blocks=one.limits.replace_after_blocks - 1)
    too_early = one.submitter.tick()
    unmined(one, blocks=1)

    report = one.submitter.tick()

    first, second = one.store.transactions
    old, new = (transaction_from_raw(raw.raw) for raw in (first, second))
    assert (too_early.replaced, too_early.sent_again) == ((), ())
    assert (report.replaced, report.signed) == ((second.tx_hash,), ())
    assert (new.nonce, new.data, second.gas) == (old.nonce, old.data, first.gas)
    assert is_replacement(old, new)
    assert list(one.chain.mempool) == [second.tx_hash]
    assert one.submitter.tick().replaced == ()
    one.settle(rounds=2)
    assert [outcome.tx_hash for outcome in one.store.outcomes] == [second.tx_hash]


def test_tick__replaced_too_late__hash_that_was_mined_is_known() -> None:
    """A relayer forgot all hashes but the newest, and did not see that another had paid."""
    one = world()
    (signed,) = one.submitter.tick().signed
    waiting = dict(one.chain.mempool)
    unmined(one, blocks=5)
    one.submitter.tick()
    one.chain.mempool = waiting
    one.chain.mine()
    one.chain.finalize()

    one.settle(rounds=3)

    assert [outcome.tx_hash for outcome in one.store.outcomes] == [signed]
    assert one.second_payments() == 0


def test_tick__crash_before_the_replacement_is_sent__newest_sent_again() -> None:
    one = world()
    one.submitter.tick()
    unmined(one, blocks=5)
    one.faults.crash_at = "before send"
    with suppress(Crash):
        one.submitter.tick()

    report = one.submitter.tick()

    assert report.sent_again == (one.store.transactions[-1].tx_hash,)
    assert len(one.store.transactions) == 2
    assert list(one.chain.mempool) == list(report.sent_again)


def test_tick__base_fee_rises_above_the_bid__replaced_by_what_is_asked() -> None:
    one = world(leaves=2)
    one.limits = replace(one.limits, gas_max=300_000)
    one.submitter.tick()
    one.chain.quote = FeeQuote(base_fee_wei=10**10, tip_wei=10**8)

    report = one.submitter.tick()

    assert len(report.replaced) == 2
    assert {one.max_fee_wei for one in one.chain.mempool.values()} == {2 * 10**10 + 11 * 10**7}
    one.settle(rounds=2)
    assert fates(one) == [Fate.SETTLED] * 2


def test_tick__fee_of_what_waits_above_cap__stops_reports_and_sends_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = world()
    signed = one.submitter.tick().signed
    one.chain.drop_mempool()
    one.chain.quote = FeeQuote(base_fee_wei=10**12, tip_wei=10**8)
    one.books.leaves.append(withdrawal(1))

    report = one.submitter.tick()

    assert report.stop is Stop.FEE_ABOVE_CAP
    assert (report.replaced, report.signed, report.sent_again) == ((), (), signed)
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == [
        "fee above the cap"
    ]


def test_tick__commit_waits_too_long__replaced_by_the_call_of_today() -> None:
    """The approval may have lapsed, and have been given again."""
    one = World(books=FakeBooks(commits=[approved_commit(1, deadline=1)]))
    one.submitter.tick()
    unmined(one, blocks=5)
    one.books.commits = [approved_commit(1, deadline=2)]

    report = one.submitter.tick()

    assert len(report.replaced) == 1
    data = transaction_from_raw(one.store.transactions[1].raw).data
    approval, _ = COMMIT_EPOCH.decode(data)
    assert (
        approval
        == COMMIT_EPOCH.decode(commit_epoch_call(approved_commit(1, deadline=2).approval, ()))[0]
    )
    one.settle(rounds=2)
    assert fates(one) == [Fate.SETTLED]


def test_tick__stranger_withdrew_and_node_lost_ours__nonce_spent_by_a_no_op() -> None:
    one = world()
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.withdraw_elsewhere(withdrawal(0))
    one.chain.finalize()
    one.books.leaves.append(withdrawal(1))

    report = one.submitter.tick()

    first, noop, *_ = one.store.transactions
    assert (report.replaced, report.sent_again) == ((noop.tx_hash,), ())
    assert (noop.nonce, noop.to, noop.gas) == (first.nonce, SENDER, 21_000)
    assert one.submitter.tick().replaced == ()
    one.settle(rounds=3)
    assert fates(one) == [Fate.SETTLED_ELSEWHERE, Fate.SETTLED]
    assert one.second_payments() == 0


def test_tick__operation_of_a_no_op_opens_again__displaced_and_signed_anew() -> None:
    """Its outcome was taken back after a no-op had spent the nonce."""
    one = world()
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.withdraw_elsewhere(withdrawal(0))
    one.chain.finalize()
    one.submitter.tick()
    one.store.outcomes.clear()
    one.chain.finalized_number = 0
    one.chain.reorg(1, returns_to_mempool=False)

    one.settle(rounds=5)

    assert fates(one) == [Fate.DISPLACED, Fate.SETTLED]
    assert one.store.outcomes[0].tx_hash == one.store.transactions[1].tx_hash


def restored(*, leaves: int, is_mined: bool) -> World:
    """A world that forgot a transaction with two nonces; it has planned nothing."""
    one = world(leaves=leaves)
    one.limits = replace(one.limits, gas_max=300_000)
    empty = one.store.backup()
    one.submitter.tick()
    if is_mined:
        one.chain.mine()
    one.store = empty
    return one


@pytest.mark.parametrize("is_mined", [True, False], ids=["mined", "waiting"])
def test_tick__database_restored__waits_for_what_it_forgot_and_pays_the_rest(
    *, is_mined: bool
) -> None:
    """Boltz stood still for a gap; others credited what was paid already, and paid it twice."""
    one = restored(leaves=2, is_mined=is_mined)
    one.books.leaves.append(withdrawal(2))

    waiting = one.submitter.tick()
    one.chain.mine()
    one.chain.finalize()
    after = one.submitter.tick()

    assert (waiting.stop, waiting.signed, waiting.replaced) == (Stop.KEY_UNSETTLED, (), ())
    assert [(one.first_nonce, one.next_nonce) for one in one.store.adoptions] == [(0, 2)]
    assert (len(after.signed), one.store.transactions[0].nonce) == (1, 2)
    one.settle(rounds=3)
    assert fates(one) == [Fate.SETTLED_ELSEWHERE] * 2 + [Fate.SETTLED]
    assert one.second_payments() == 0


def test_tick__forgotten_transaction_vanishes__no_op_before_anything_is_signed() -> None:
    one = restored(leaves=2, is_mined=False)
    one.submitter.tick()
    one.chain.drop_mempool()

    reports = [one.submitter.tick() for _ in range(3)]

    assert [len(report.replaced) for report in reports] == [1, 1, 0]
    assert {report.stop for report in reports} == {Stop.KEY_UNSETTLED}
    assert [(one.nonce, one.is_noop) for one in one.store.transactions] == [(0, True), (1, True)]
    one.chain.mine()
    assert one.submitter.tick().stop is Stop.KEY_UNSETTLED
    one.settle(rounds=4)
    assert fates(one) == [Fate.SETTLED] * 2
    assert one.second_payments() == 0


def test_tick__filler_unknown_to_a_pool_that_has_the_forgotten_one__either_way_paid_once() -> None:
    one = restored(leaves=2, is_mined=False)
    one.submitter.tick()
    waiting = dict(one.chain.mempool)
    one.chain.drop_mempool()
    one.submitter.tick()
    one.chain.mempool = waiting

    one.settle(rounds=6)

    assert sorted(fates(one)) == [Fate.SETTLED_ELSEWHERE] * 2
    assert one.second_payments() == 0


def test_tick__forgotten_transaction_that_nobody_includes__no_op_in_its_place() -> None:
    """It cannot be sent with a higher fee by whoever does not have it: the key stood still."""
    one = restored(leaves=2, is_mined=False)
    one.chain.quote = FeeQuote(base_fee_wei=5 * 10**9, tip_wei=10**8)
    reports = [one.submitter.tick()]
    for _ in range(one.limits.replace_after_blocks):
        one.chain.mine()
        reports.append(one.submitter.tick())

    replaced = [len(report.replaced) for report in reports]
    assert replaced == [0] * one.limits.replace_after_blocks + [1]
    assert {report.stop for report in reports} == {Stop.KEY_UNSETTLED}
    one.settle(rounds=6)
    noops = [transaction.nonce for transaction in one.store.transactions if transaction.is_noop]
    assert (noops, fates(one)) == ([0, 1], [Fate.SETTLED] * 2)
    assert one.second_payments() == 0


@pytest.mark.parametrize("border", ADOPTION_BORDERS)
def test_tick__crash_while_adopting__adopted_once(border: str) -> None:
    one = restored(leaves=2, is_mined=True)
    one.faults.crash_at = border
    with suppress(Crash):
        one.submitter.tick()

    one.settle(rounds=3)

    assert len(one.store.adoptions) == 1
    assert fates(one) == [Fate.SETTLED_ELSEWHERE] * 2


def test_tick__adopted_nonce_reorged_away__filled_where_chain_and_pool_end() -> None:
    one = world()
    one.submitter.tick()
    one.chain.mine()
    one.chain.finalize()
    one.chain.spend_nonce_elsewhere(1)
    one.submitter.tick()
    one.chain.reorg(1, returns_to_mempool=False)
    one.books.leaves.append(withdrawal(1))

    report = one.submitter.tick()

    assert (len(report.replaced), report.stop) == (1, Stop.KEY_UNSETTLED)
    one.settle(rounds=4)
    assert [transaction.nonce for transaction in one.store.transactions] == [0, 1, 2]
    assert fates(one) == [Fate.SETTLED] * 2


def test_tick__fee_above_cap_while_a_gap_is_to_be_filled__stops() -> None:
    one = restored(leaves=2, is_mined=False)
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.quote = FeeQuote(base_fee_wei=10**12, tip_wei=0)

    report = one.submitter.tick()

    assert (report.stop, report.replaced) == (Stop.FEE_ABOVE_CAP, ())


@pytest.mark.parametrize(("shown", "is_believed"), [(1_001, True), (1_002, False)])
def test_tick__node_shows_more_nonces_than_we_can_have_forgotten__not_believed(
    shown: int, *, is_believed: bool
) -> None:
    one = world()
    one.submitter.tick()
    raw = one.store.transactions[0]
    one.chain.mempool = {
        Hash32.from_int(nonce): FakeTransaction(raw.tx_hash, SENDER, nonce, b"", is_ours=False)
        for nonce in range(shown)
    }

    if is_believed:
        assert one.submitter.tick().stop is Stop.KEY_UNSETTLED
    else:
        with pytest.raises(NonceDrift, match="next nonce is 1 by our records, 1002 by the chain"):
            one.submitter.tick()
        assert one.store.adoptions == []


def cost(one: World) -> int:
    """What the transactions stored so far may cost."""
    return sum(stored.gas * stored.max_fee_wei for stored in one.store.transactions)


@pytest.mark.parametrize("data_fee", [0, 10**12])
def test_tick__money_for_gas__exactly_enough_or_refused_and_no_nonce_lost(data_fee: int) -> None:
    rich = world(leaves=8)
    rich.submitter.tick()
    needed = cost(rich) + 2 * data_fee
    assert len(rich.store.transactions) == 2
    one = world(leaves=8)
    one.chain.data_fee_wei = data_fee

    one.chain.wei = needed - 1
    poor = one.submitter.tick()
    one.chain.wei = needed
    enough = one.submitter.tick()

    assert (poor.stop, len(poor.signed)) == (Stop.NO_GAS_MONEY, 1)
    assert (enough.stop, len(enough.signed)) == (None, 1)
    assert [stored.nonce for stored in one.store.transactions] == [0, 1]


def test_tick__money_promised_to_what_is_mined__is_not_counted_twice() -> None:
    one = world()
    one.submitter.tick()
    one.chain.mine()
    one.chain.wei = cost(one)
    one.books.leaves.append(withdrawal(1))

    assert len(one.submitter.tick().signed) == 1


def test_tick__contract_holds_less_of_an_asset_than_it_accounts_for__held(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0)], commits=[approved_commit(2)]))
    one.chain.shortfalls[ASSET] = 1

    report = one.submitter.tick()

    assert [held.objection.reason for held in report.held] == [
        "the contract holds 1 less than it accounts for"
    ]
    assert len(report.signed) == 1  # the commit
    assert "operation held" in [record.message for record in caplog.records]
    one.chain.shortfalls.clear()
    one.settle(rounds=3)
    assert fates(one) == [Fate.SETTLED] * 2
