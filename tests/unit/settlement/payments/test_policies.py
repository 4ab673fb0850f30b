"""The written policies: outcome, books, and what is due back."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from contracts.units import BaseUnits
from settlement.payments.families import family_named
from settlement.payments.policies import Books, Outcome, ruling
from settlement.payments.states import Level
from settlement.payments.verification import Check, Finding, Result, Verdict, verify
from tests.payments_builders import (
    AMOUNT,
    heights,
    intent_of,
    paying_log,
    rulebook_of,
    seen_with,
)

INTENT = intent_of(family_named("ppv"))
FEE = 2_500_000


def verdict(failed: Iterable[Check] = (), *, paid: int = AMOUNT) -> Verdict:
    seen = seen_with(paying_log(INTENT))
    right = verify(INTENT, seen, rulebook_of(INTENT), heights(), needed=Level.RECEIVED)[0]
    assert right.paid is not None
    bad = tuple(Finding(check, Result.FAILED, "", "") for check in failed)
    return replace(right, findings=bad, paid=replace(right.paid, amount=BaseUnits(paid)))


@pytest.mark.parametrize(
    ("failed", "paid", "outcome", "books", "due_back"),
    [
        ((), AMOUNT, Outcome.ACCEPTED, Books.AS_EMITTED, 0),
        ((Check.AMOUNT,), AMOUNT - 1, Outcome.UNDERPAID, Books.REFUND_DUE, AMOUNT - 1 + FEE),
        ((Check.AMOUNT,), AMOUNT + 1, Outcome.OVERPAID, Books.REFUND_DUE, AMOUNT + 1 + FEE),
        ((Check.ASSET,), AMOUNT, Outcome.WRONG_ASSET, Books.REFUND_DUE, AMOUNT + FEE),
        ((Check.DEADLINE,), AMOUNT, Outcome.UNTIMELY, Books.REFUND_DUE, AMOUNT + FEE),
        ((Check.CLAIM,), AMOUNT, Outcome.CLAIMED_ELSEWHERE, Books.AS_EMITTED, 0),
        ((Check.FEE_TERMS,), AMOUNT, Outcome.OTHER_FEE, Books.AS_EMITTED, 0),
        ((Check.FINALITY,), AMOUNT, Outcome.PENDING, Books.NOTHING, 0),
        *(
            ((check,), AMOUNT, Outcome.MISMATCHED, Books.AS_EMITTED, 0)
            for check in (
                *(Check.ORDER, Check.PAYER, Check.PAYEE, Check.SUBJECT),
                *(Check.TIER, Check.PRICE, Check.FEE),
            )
        ),
        *(
            ((check,), AMOUNT, Outcome.NOT_OURS, Books.NOTHING, 0)
            for check in (Check.CHAIN, Check.RECEIPT, Check.BLOCK, Check.EVENT, Check.EMITTER)
        ),
        ((Check.AMOUNT, Check.EMITTER), 1, Outcome.NOT_OURS, Books.NOTHING, 0),
        ((Check.AMOUNT, Check.ORDER), 1, Outcome.MISMATCHED, Books.AS_EMITTED, 0),
        ((Check.AMOUNT, Check.ASSET), 1, Outcome.WRONG_ASSET, Books.REFUND_DUE, 1 + FEE),
        ((Check.FINALITY, Check.DEADLINE), AMOUNT, Outcome.UNTIMELY, Books.REFUND_DUE, 27_500_000),
    ],
)
def test_ruling__failed_checks__gravest_outcome(
    failed: tuple[Check, ...], paid: int, outcome: Outcome, books: Books, due_back: int
) -> None:
    found = ruling(verdict(failed, paid=paid), asked=INTENT.amount)

    assert (found.outcome, found.books, found.due_back) == (outcome, books, due_back)


def test_ruling__every_check__has_an_outcome() -> None:
    for check in Check:
        assert ruling(verdict((check,)), asked=INTENT.amount).outcome is not Outcome.ACCEPTED


def test_ruling__order_is_paid_by_another_log__duplicate_and_due_back() -> None:
    found = ruling(verdict((Check.CLAIM,)), asked=INTENT.amount, is_duplicate=True)

    assert (found.outcome, found.books) == (Outcome.DUPLICATE, Books.REFUND_DUE)
    assert found.due_back == AMOUNT + FEE


@pytest.mark.parametrize(
    ("failed", "outcome"), [((), Outcome.REFUNDED), ((Check.AMOUNT,), Outcome.UNDERPAID)]
)
def test_ruling__given_back__nothing_is_due_any_more(
    failed: tuple[Check, ...], outcome: Outcome
) -> None:
    found = ruling(verdict(failed, paid=AMOUNT - 1), asked=INTENT.amount, is_refunded=True)

    assert (found.outcome, found.books, found.due_back) == (outcome, Books.REFUNDED, 0)


@pytest.mark.parametrize(
    ("failed", "outcome"),
    [((Check.AMOUNT,), Outcome.UNDERPAID), ((Check.DEADLINE,), Outcome.UNTIMELY)],
)
def test_ruling__ticket_redeemed_or_sold_on__nothing_is_due_back(
    failed: tuple[Check, ...], outcome: Outcome
) -> None:
    found = ruling(verdict(failed, paid=AMOUNT - 1), asked=INTENT.amount, is_given_up=True)

    assert (found.outcome, found.books, found.due_back) == (outcome, Books.AS_EMITTED, 0)
