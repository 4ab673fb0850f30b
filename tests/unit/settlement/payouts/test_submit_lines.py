"""One key, three contracts: tips and lines of lists beside leaves, and what holds some of them.

Subjects: settlement.payouts.submit, settlement.payouts.sign, settlement.payouts.owed,
settlement.payouts.report, settlement.payouts.obligations.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import pytest

from contracts.calls import SkipReason
from contracts.evm import ZERO_ADDRESS, Address
from settlement.errors import OperationConflict
from settlement.payouts.assemble import Held
from settlement.payouts.operation import Fate, Kind, LineSubject, TransactionDraft
from settlement.payouts.report import Stop
from settlement.payouts.signing_policy import Refusal, RefusalKind
from settlement.payouts.submit import Submitter
from settlement.payouts.view import Objection
from tests.fakes_payout_chain import (
    ASSET,
    BATCH,
    CONTRACT,
    RELAY,
    FakeBooks,
    FakeSigner,
    World,
    approved_commit,
    item_of,
    items_of,
    line,
    payee_of,
    payment,
    tip,
    withdrawal,
)


def world(*, leaves: int = 0, tips: int = 0, payments: Collection[LineSubject] = ()) -> World:
    return World(
        books=FakeBooks(
            leaves=[withdrawal(index) for index in range(leaves)],
            tips=[tip(number) for number in range(tips)],
            payments=list(payments),
        )
    )


def paid(one: World, *lines: LineSubject) -> list[int]:
    return [one.chain.effects().lines(line(subject).op_id) for subject in lines]


@dataclass
class Choosy(FakeSigner):
    """A key whose policy refuses batches of more than `most` items, and these operations."""

    kind: RefusalKind = RefusalKind.TRANSACTION_LIMIT
    most: int = 1_000
    never: set[bytes] = field(default_factory=set)
    asked: int = 0

    def __post_init__(self) -> None:
        FakeSigner.__init__(self)

    def refusal(self, draft: TransactionDraft) -> Refusal | None:
        self.asked += 1
        items = [item.event_op_id for item in items_of(draft.data)]
        if len(items) <= self.most and not self.never & set(items):
            return None
        return Refusal(self.kind, f"{len(items)} items")


def with_signer(one: World, signer: FakeSigner) -> Submitter:
    return replace(one.submitter, signer=signer)


def test_tick__all_kinds__one_nonce_after_the_other_and_a_contract_each() -> None:
    one = world(leaves=1, tips=2, payments=[payment(0), payment(1)])
    one.books.commits = [approved_commit(2)]

    report = one.submitter.tick()
    one.settle(rounds=2)

    assert (report.planned, len(report.signed)) == (6, 4)
    assert [(each.nonce, each.to) for each in one.store.transactions] == [
        (0, CONTRACT),
        (1, CONTRACT),
        (2, RELAY),
        (3, BATCH),
    ]
    assert Counter(each.fate for each in one.store.outcomes) == {Fate.SETTLED: 6}
    assert paid(one, tip(0), tip(1), payment(0), payment(1)) == [1, 1, 1, 1]
    kinds = [each.kind for each in one.store.operations.values() if each.kind is not Kind.COMMIT]
    assert len(one.store.reserved) == len(kinds) == 5


def test_tick__lines_of_two_lists_and_assets__never_in_one_call() -> None:
    other = Address(b"\x0a" * 20)
    one = world(payments=[payment(0), payment(1, asset=other), payment(2), payment(3, asset=other)])

    one.submitter.tick()

    calls = [each for each in one.store.transactions]
    assert len(calls) == 2
    one.settle(rounds=2)
    assert paid(one, *one.books.payments) == [1] * 4


def test_tick__same_line_with_other_content__corrupt_and_nothing_planned() -> None:
    one = world(payments=[payment(0)])
    one.submitter.tick()
    one.books.payments = [payment(0, amount=7), payment(1)]

    with pytest.raises(OperationConflict):
        one.submitter.tick()

    assert set(one.store.operations) == {line(payment(0)).op_id}
    assert len(one.store.transactions) == 1


def test_tick__payee_held_before_signing__held_with_the_contracts_reason() -> None:
    one = world(tips=2)
    one.chain.held = {payee_of(1)}

    report = one.submitter.tick()

    reason = Objection(SkipReason.PAYEE_HELD, "PAYEE_HELD")
    assert report.held == (Held(line(tip(1)).op_id, reason),)
    assert len(report.signed) == 1
    one.chain.held = set()
    one.settle(rounds=3)
    assert paid(one, tip(0), tip(1)) == [1, 1]


def test_tick__payee_held_after_signing__skipped_recorded_and_paid_later() -> None:
    one = world(tips=2)
    one.submitter.tick()
    one.chain.held = {payee_of(1)}
    one.chain.mine()
    one.chain.finalize()

    one.submitter.tick()
    one.chain.held = set()
    one.settle(rounds=3)

    found = [(each.op_id, each.fate, each.refusal) for each in one.store.outcomes]
    assert (line(tip(1)).op_id, Fate.REFUSED, SkipReason.PAYEE_HELD) in found
    assert paid(one, tip(0), tip(1)) == [1, 1]
    assert one.second_payments() == 0


def test_tick__limit_a_transaction__halved_until_it_fits() -> None:
    one, signer = world(payments=[payment(n) for n in range(4)]), Choosy(most=1)

    report = with_signer(one, signer).tick()

    assert (len(report.signed), report.held, report.stop) == (4, (), None)
    assert [each.nonce for each in one.store.transactions] == [0, 1, 2, 3]


def test_tick__one_alone_above_the_limit__held_with_the_reason_and_the_others_go_on() -> None:
    one = world(leaves=1, payments=[payment(n) for n in range(3)])
    wanted = line(payment(1)).op_id

    report = with_signer(one, Choosy(never={bytes(wanted)})).tick()

    (held,) = report.held
    assert held.op_id == wanted
    assert held.objection.reason == "signing policy: transaction_limit: 1 items"
    assert len(report.signed) == 3
    again = with_signer(one, Choosy(never={bytes(wanted)})).tick()
    assert (len(again.held), again.signed) == (1, ())


@pytest.mark.parametrize("kind", [RefusalKind.DAY_LIMIT, RefusalKind.NO_LIMIT])
def test_tick__other_refusals_of_size__what_still_fits_is_signed(kind: RefusalKind) -> None:
    one = world(payments=[payment(n) for n in range(2)])

    report = with_signer(one, Choosy(kind=kind, never={bytes(line(payment(0)).op_id)})).tick()

    assert [held.op_id for held in report.held] == [line(payment(0)).op_id]
    assert len(report.signed) == 1


def test_tick__call_that_is_never_allowed__whole_batch_held_at_once() -> None:
    one, signer = world(payments=[payment(n) for n in range(8)]), Choosy(most=0)
    signer.kind = RefusalKind.CALL_NOT_ALLOWED
    one.chain.gas_per_item = 10_000

    report = with_signer(one, signer).tick()

    assert (len(report.held), report.signed, signer.asked) == (8, (), 1)


def test_tick__signing_is_stopped__nothing_signed_and_no_nonce_lost() -> None:
    one = world(tips=1, payments=[payment(0)])
    signer = Choosy(most=0, kind=RefusalKind.STOPPED)

    report = with_signer(one, signer).tick()

    assert (report.stop, report.signed, report.held) == (Stop.SIGNING_STOPPED, (), ())
    assert one.store.next_nonce(signer.address) is None
    assert signer.asked == 1


def test_tick__replacement_refused__sent_as_it_is_and_the_others_go_on() -> None:
    one = world(tips=1)
    one.submitter.tick()
    one.chain.drop_mempool()
    for _ in range(one.limits.replace_after_blocks):
        one.chain.mine()
    one.books.payments.append(payment(0))

    report = with_signer(one, Choosy(never={bytes(line(tip(0)).op_id)})).tick()

    assert (report.replaced, len(report.sent_again), len(report.signed)) == ((), 1, 1)
    assert [refusal.kind for refusal in report.refusals] == [RefusalKind.TRANSACTION_LIMIT]
    one.settle(rounds=2)
    assert paid(one, tip(0), payment(0)) == [1, 1]


def test_tick__float__lines_in_order_as_far_as_it_reaches() -> None:
    one = world(payments=[payment(0), payment(1, amount=500), payment(2)])
    one.chain.float_units = 250
    one.chain.mine()

    report = one.submitter.tick()

    assert [(held.op_id, held.objection.reason) for held in report.held] == [
        (line(payment(1)).op_id, f"the float has 150 units left of {ASSET}")
    ]
    assert len(report.signed) == 1


def test_tick__float_promised_to_what_waits__not_promised_twice() -> None:
    one = world(payments=[payment(0)])
    one.chain.float_units = 150
    one.chain.mine()
    one.submitter.tick()
    one.books.payments.append(payment(1))

    waiting = one.submitter.tick()
    one.chain.mine()
    mined = one.submitter.tick()

    assert [held.objection.reason for held in waiting.held] == [
        f"the float has 50 units left of {ASSET}"
    ]
    assert waiting.signed == mined.signed == ()
    one.chain.set_float(101)
    one.settle(rounds=3)
    assert paid(one, payment(0), payment(1)) == [1, 1]


def test_tick__asset_that_is_no_token__held_and_the_others_go_on() -> None:
    nothing = Address(b"\x0f" * 20)
    one = world(payments=[payment(0, asset=nothing), payment(1), payment(2, asset=ZERO_ADDRESS)])
    one.chain.no_tokens = {nothing}

    report = one.submitter.tick()

    assert [held.op_id for held in report.held] == [line(payment(0, asset=nothing)).op_id]
    assert len(report.signed) == 2


def test_tick__one_contract_paused__others_planned_and_paid() -> None:
    one = world(leaves=1, tips=1, payments=[payment(0)])
    one.chain.paused_contracts = {RELAY}

    report = one.submitter.tick()

    assert (report.paused, report.stop, report.planned) == ((RELAY,), None, 2)
    assert {each.to for each in one.store.transactions} == {CONTRACT, BATCH}
    one.chain.paused_contracts = set()
    one.settle(rounds=3)
    assert paid(one, tip(0), payment(0)) == [1, 1]


def test_tick__paused_with_a_nonce_in_the_way__no_op_first_and_paid_after_the_pause() -> None:
    one = world(tips=1)
    one.submitter.tick()
    one.chain.drop_mempool()
    one.chain.paused_contracts = {RELAY}
    one.books.payments.append(payment(0))

    report = one.submitter.tick()
    one.settle(rounds=2)

    assert (len(report.replaced), len(report.signed)) == (1, 1)
    assert paid(one, tip(0), payment(0)) == [0, 1]
    one.chain.paused_contracts = set()
    one.settle(rounds=3)
    assert paid(one, tip(0)) == [1]
    assert one.second_payments() == 0


def test_tick__all_paused__nothing_planned_sent_or_signed() -> None:
    one = world(leaves=1, tips=1, payments=[payment(0)])
    one.chain.paused_contracts = {CONTRACT, RELAY, BATCH}

    report = one.submitter.tick()

    assert (report.stop, report.planned, one.store.transactions) == (Stop.PAUSED, 0, [])


def test_tick__room_for_open_operations__shared_by_leaves_and_lines() -> None:
    one = world(leaves=2, tips=2, payments=[payment(0)])
    one.limits = replace(one.limits, open_operations_max=3)

    one.submitter.tick()

    kinds = Counter(each.kind for each in one.store.operations.values())
    assert kinds == {Kind.WITHDRAW: 2, Kind.TIP: 1}
    one.settle(rounds=6)
    assert paid(one, tip(0), tip(1), payment(0)) == [1, 1, 1]
    assert one.chain.effects().lines(item_of(withdrawal(0)).event_op_id) == 1
