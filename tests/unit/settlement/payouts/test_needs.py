"""What a tick needs from a person: every reason has a kind, and every kind says what to do."""

import pytest

from contracts.calls import Refusal, SkipReason
from contracts.evm import Address, Hash32
from settlement.payouts.assemble import Held
from settlement.payouts.gas import FeeQuote
from settlement.payouts.needs import (
    TRANSACTIONS_AHEAD_MIN,
    WHAT_TO_DO,
    NeedKind,
    need_of_held,
    needs_of,
)
from settlement.payouts.report import Stop, TickReport
from settlement.payouts.signing_policy import Refusal as SigningRefusal
from settlement.payouts.signing_policy import RefusalKind
from settlement.payouts.view import Objection, OwnCheck
from tests.fakes_payout_chain import FakeBooks, World, payment, withdrawal

OP, OTHER_OP = Hash32.from_int(1), Hash32.from_int(2)
CONTRACT = Address(b"\xc0" * 20)


def held(reason: str, refusal: Refusal | SkipReason | None = None) -> Held:
    return Held(OP, Objection(refusal, reason))


def held_by(check: OwnCheck, op_id: Hash32 = OP, reason: str = "x") -> Held:
    return Held(op_id, Objection(None, reason, check))


def test_what_to_do__every_kind__a_sentence() -> None:
    assert WHAT_TO_DO.keys() == set(NeedKind)
    assert all(text.endswith(".") for text in WHAT_TO_DO.values())


def test_needs_of__quiet_tick__none() -> None:
    assert needs_of(TickReport(planned=3, transactions_ahead=TRANSACTIONS_AHEAD_MIN)) == ()


@pytest.mark.parametrize(
    ("stop", "kind"),
    [
        (Stop.NO_FINALIZED_BLOCK, NeedKind.INDEXER),
        (Stop.SIGNING_STOPPED, NeedKind.RESUME),
        (Stop.FEE_ABOVE_CAP, NeedKind.FEE_CAP),
        (Stop.NO_GAS_MONEY, NeedKind.GAS_MONEY),
        (Stop.KEY_UNSETTLED, None),
        (Stop.IN_FLIGHT_FULL, None),
        (Stop.PAUSED, None),
    ],
)
def test_needs_of__stop__only_what_does_not_end_by_itself(
    stop: Stop, kind: NeedKind | None
) -> None:
    assert [one.kind for one in needs_of(TickReport(stop=stop))] == ([] if kind is None else [kind])


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (held("payee_held", SkipReason.PAYEE_HELD), NeedKind.HELD_ON_CHAIN),
        (held_by(OwnCheck.POLICY), NeedKind.POLICY),
        (held_by(OwnCheck.SIGNING_POLICY), NeedKind.SIGNING_LIMIT),
        (held_by(OwnCheck.RECONCILIATION), NeedKind.RECONCILIATION),
        (held_by(OwnCheck.FLOAT), NeedKind.FLOAT),
        (held_by(OwnCheck.BACKING), NeedKind.SHORTFALL),
        (held("bad_proof", Refusal.BAD_PROOF), NeedKind.REFUSED),
        (held("needs 9 gas, budget 8"), NeedKind.REFUSED),
    ],
)
def test_need_of_held__reason__kind(one: Held, kind: NeedKind) -> None:
    assert need_of_held(one) is kind


def test_needs_of__many_of_one_kind__counted_with_the_first_reason() -> None:
    report = TickReport(
        held=(
            held_by(OwnCheck.POLICY, reason="policy: a"),
            held_by(OwnCheck.POLICY, OTHER_OP, "policy: b"),
        ),
        paused=(CONTRACT,),
        other_keys=(CONTRACT,),
        exhausted=(OP,),
        refusals=(SigningRefusal(RefusalKind.DAY_LIMIT, "much"),),
    )

    found = {one.kind: (one.count, one.detail) for one in needs_of(report)}

    assert found == {
        NeedKind.PAUSED: (1, f"contract {CONTRACT}"),
        NeedKind.OTHER_KEY: (1, f"key {CONTRACT}"),
        NeedKind.EXHAUSTED: (1, f"operation {OP}"),
        NeedKind.SIGNING_LIMIT: (1, "replacement: day_limit: much"),
        NeedKind.POLICY: (2, f"operation {OP}: policy: a"),
    }


def test_tick__money_for_a_few_transactions__says_so_before_it_is_gone() -> None:
    one = World(books=FakeBooks(leaves=[withdrawal(0)]))
    one.chain.quote = FeeQuote(base_fee_wei=10**9, tip_wei=1)
    one.submitter.tick()
    (signed,) = one.store.transactions
    cost_wei = signed.gas * signed.max_fee_wei
    poor = World(books=FakeBooks(leaves=[withdrawal(0)]))
    poor.chain.quote = one.chain.quote
    poor.chain.wei = 4 * cost_wei

    report = poor.submitter.tick()

    assert (len(report.signed), report.transactions_ahead) == (1, 3)
    assert [(need.kind, need.detail) for need in needs_of(report)] == [
        (NeedKind.GAS_MONEY_SOON, "3 more transactions")
    ]


def test_tick__float_and_shortfall__told_by_the_words_of_the_assembler() -> None:
    """The kinds are read off the reasons: who changes the words changes both."""
    lacking = World(books=FakeBooks(payments=[payment(0, amount=10)]))
    lacking.chain.set_float(9)
    lacking.chain.mine()
    (one,) = lacking.submitter.tick().held
    short = World(books=FakeBooks(leaves=[withdrawal(0)]))
    short.chain.shortfalls = {withdrawal(0).leaf.asset: 5}
    (other,) = short.submitter.tick().held

    assert need_of_held(one) is NeedKind.FLOAT
    assert need_of_held(other) is NeedKind.SHORTFALL
