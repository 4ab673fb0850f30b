"""Written policies: what a verdict means for the order, and what the books must say.

    outcome             when                                          the order stays   the books
    ───────────────────────────────────────────────────────────────────────────────────────────────
    accepted            every check passed                            paid              as emitted
    refunded            it was paid, and all of it was given back     unpaid            refunded
    underpaid           less than the price; parts are not summed up  open              refund due
    overpaid            more than the price: nobody keeps a surplus   open              refund due
    wrong_asset         another token, at whatever rate               open              refund due
    untimely            before the intent's time, or after it         open, or over     refund due
    duplicate           another log pays the order, and counts        paid by that one  refund due
    claimed_elsewhere   this log pays another order                   open              as emitted
    other_fee           right but for terms other than those quoted   open, see below   as emitted
    mismatched          other order, payer, payee, content, price …   open              as emitted
    not_ours            no event of our contracts on the chain        open              nothing
    pending             right, and not yet as final as was asked      open for now      nothing

What each means for the books:

- *nothing*: no money went through our contracts, or none that is final.
- *as emitted*: the entry of the event, and no other; the books post facts, claimed or not.
- *refund due*: as emitted. Price and fee are shown as due back to the payer. Splitters pay creator
  and treasury inside the transaction, so it is they who owe it: the money leaves by the contract's
  `refund`, whose event is posted like any other. It is no liability of the platform before.
- *refunded*: the entries of both events; nothing is left of the payment.

A refund is against return of what was bought. A content cannot be returned, and need not be. A
ticket goes back from its payer, unredeemed: who redeemed it was there (`AlreadyRedeemed`), and who
sold it on has had a price for it (`NotHolder`). A ticket is its holder's: it admits the holder and
nobody else, and the payer's refund would pay the payer twice and take the holder's seat. So for a
ticket that was redeemed or sold on nothing is due back, and the books are as emitted. What an
organiser owes to holders of resold tickets, when an event is called off, is no refund of a payment
but a debt of its own: lines of an accepted document, paid by `PayoutBatch`.

Of several payments of one order that stand on the chain the first one counts (`claiming.py`), and
the others are duplicates, whoever claimed first.

A deviation of one unit is a deviation: there is no tolerance, and nothing is netted. A payment with
`other_fee` is taken by a new intent with the same order id and without the outdated quote.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.units import BaseUnits
from settlement.payments.verification import Check, Verdict


class Outcome(StrEnum):
    """What a payment is to the order that it was named for."""

    ACCEPTED = "accepted"
    REFUNDED = "refunded"
    UNDERPAID = "underpaid"
    OVERPAID = "overpaid"
    WRONG_ASSET = "wrong_asset"
    UNTIMELY = "untimely"
    DUPLICATE = "duplicate"
    CLAIMED_ELSEWHERE = "claimed_elsewhere"
    OTHER_FEE = "other_fee"
    MISMATCHED = "mismatched"
    NOT_OURS = "not_ours"
    PENDING = "pending"


class Books(StrEnum):
    """What the books must say."""

    NOTHING = "nothing"
    AS_EMITTED = "as_emitted"
    REFUND_DUE = "as_emitted_and_refund_due"
    REFUNDED = "as_emitted_and_refunded"


@dataclass(frozen=True, slots=True)
class Ruling:
    """An outcome; `due_back` is what the payer should get again, fee included."""

    outcome: Outcome
    books: Books
    due_back: BaseUnits


_BY_GRAVITY: tuple[tuple[Outcome, frozenset[Check]], ...] = (
    (
        Outcome.NOT_OURS,
        frozenset({Check.CHAIN, Check.RECEIPT, Check.BLOCK, Check.EVENT, Check.EMITTER}),
    ),
    (
        Outcome.MISMATCHED,
        frozenset(
            {
                Check.ORDER,
                Check.PAYER,
                Check.PAYEE,
                Check.SUBJECT,
                Check.TIER,
                Check.PRICE,
                Check.FEE,
            }
        ),
    ),
    (Outcome.CLAIMED_ELSEWHERE, frozenset({Check.CLAIM})),
    (Outcome.WRONG_ASSET, frozenset({Check.ASSET})),
    (Outcome.UNDERPAID, frozenset({Check.AMOUNT})),
    (Outcome.UNTIMELY, frozenset({Check.DEADLINE})),
    (Outcome.OTHER_FEE, frozenset({Check.FEE_TERMS})),
    (Outcome.PENDING, frozenset({Check.FINALITY})),
)
"""The first outcome counts one of whose checks did not pass."""

_DUE_BACK = frozenset(
    {
        Outcome.UNDERPAID,
        Outcome.OVERPAID,
        Outcome.WRONG_ASSET,
        Outcome.UNTIMELY,
        Outcome.DUPLICATE,
    }
)

OF_MONEY = _DUE_BACK | {
    Outcome.ACCEPTED,
    Outcome.REFUNDED,
    Outcome.OTHER_FEE,
    Outcome.PENDING,
}
"""Outcomes that say that money came for the order, whatever is to be done with it."""


def ruling(
    verdict: Verdict,
    *,
    asked: BaseUnits,
    is_duplicate: bool = False,
    is_refunded: bool = False,
    is_given_up: bool = False,
) -> Ruling:
    """Apply the policies; the gravest reason names the outcome.

    Args:
        verdict: of one log.
        asked: the intent's amount.
        is_duplicate: another log pays the order, and stands.
        is_refunded: the contract gave this payment back.
        is_given_up: what was bought is not the payer's to return any more.
    """
    outcome = _outcome(verdict, asked, is_duplicate=is_duplicate, is_refunded=is_refunded)
    paid = verdict.paid
    if outcome is Outcome.NOT_OURS or outcome is Outcome.PENDING or paid is None:
        return Ruling(outcome, Books.NOTHING, BaseUnits(0))
    if is_refunded:
        return Ruling(outcome, Books.REFUNDED, BaseUnits(0))
    if outcome in _DUE_BACK and not is_given_up:
        return Ruling(outcome, Books.REFUND_DUE, BaseUnits(paid.amount + paid.fee))
    return Ruling(outcome, Books.AS_EMITTED, BaseUnits(0))


def _outcome(
    verdict: Verdict, asked: BaseUnits, *, is_duplicate: bool, is_refunded: bool
) -> Outcome:
    failed = frozenset(verdict.failed)
    paid_if_well = Outcome.REFUNDED if is_refunded else Outcome.ACCEPTED
    graves = (outcome for outcome, checks in _BY_GRAVITY if failed & checks)
    outcome = next(graves, paid_if_well)
    if outcome is Outcome.CLAIMED_ELSEWHERE and is_duplicate:
        return Outcome.DUPLICATE
    if outcome is Outcome.UNDERPAID and verdict.paid is not None and verdict.paid.amount > asked:
        return Outcome.OVERPAID
    return outcome
