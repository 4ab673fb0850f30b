"""Binding: which log pays which order, once and for ever.

A log that was claimed for an order is that order's, whatever happens to its block. An order takes
one log: another one only where a reorg took all that it has. Two orders that race for one log are
told apart by a unique constraint in the database, and two logs that race for one order by the
number of the claim: whoever loses looks again.

Anybody can ask for a payment under an order id that others use: it is there to be read once the
payment was sent. So a log that pays an intent which asked for that order first is kept for it, even
if nobody has looked for it yet.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from settlement.payments.errors import ClaimLost
from settlement.payments.evidence import Place
from settlement.payments.intent import PaymentIntent
from settlement.payments.ports import PaymentStore
from settlement.payments.verification import Check, Finding, Result, Verdict

_TRIES_MAX = 5
_EXPECTED = "a log that no other order claimed, for an order without another"


@dataclass(frozen=True, slots=True)
class Claimed:
    """The verdict that counts, with the check of its claim where all others passed.

    `place` is bound to the order, or free to be; None where nothing is. `is_duplicate` says that
    the order has another log, which stands.
    """

    verdict: Verdict
    place: Place | None
    is_duplicate: bool


def is_payment(verdict: Verdict) -> bool:
    """Whether a log pays, final or not."""
    return not set(verdict.failed) - {Check.FINALITY}


def claimed(
    intent: PaymentIntent,
    verdicts: Sequence[Verdict],
    store: PaymentStore,
    *,
    stands: Callable[[Place], bool],
    kept: Collection[Place],
    binds: bool,
) -> Claimed:
    """Claim the first log that pays and is free; without `binds` only say what would come of it.

    Args:
        intent: what was asked for.
        verdicts: of all logs of one transaction, the best one first.
        store: the claims.
        stands: whether a place that the order claimed before pays it still.
        kept: places of logs that pay who asked for the order first.
        binds: whether to bind.

    Raises:
        ClaimLost: others bind the same order at this moment.
    """
    good = [one for one in verdicts if is_payment(one)]
    if not good:
        return Claimed(verdicts[0], None, is_duplicate=False)
    for _ in range(_TRIES_MAX):
        claims = store.claims(intent.intent_id)
        for one in good:
            if one.place in claims:
                return _passed(one)
        standing = next((place for place in claims if stands(place)), None)
        if standing is not None:
            why = f"the order is paid by {_named(standing)}"
            return Claimed(_failed(good[0], why), None, is_duplicate=True)
        found = _bound(intent, good, store, kept, attempt=len(claims), binds=binds)
        if found is not None:
            return found
    raise ClaimLost(intent.intent_id)


def _bound(
    intent: PaymentIntent,
    good: Sequence[Verdict],
    store: PaymentStore,
    kept: Collection[Place],
    *,
    attempt: int,
    binds: bool,
) -> Claimed | None:
    """The log that the order got, or that all are taken; None if another claim came between."""
    intent_id = intent.intent_id
    for one in good:
        if one.place is None or one.place in kept:
            continue
        if binds:
            owner = store.bind(intent_id, one.place, attempt=attempt)
            if owner is None:
                return None
        else:
            owner = store.owner_of(one.place) or intent_id
        if owner == intent_id:
            return _passed(one)
    return Claimed(_failed(good[0], "claimed for another order"), None, is_duplicate=False)


def _passed(verdict: Verdict) -> Claimed:
    finding = Finding(Check.CLAIM, Result.PASSED, _EXPECTED, "so")
    return Claimed(verdict.with_finding(finding), verdict.place, is_duplicate=False)


def _failed(verdict: Verdict, found: str) -> Verdict:
    return verdict.with_finding(Finding(Check.CLAIM, Result.FAILED, _EXPECTED, found))


def _named(place: Place) -> str:
    return f"log {place.ordinal} of transaction {place.transaction_hash}"
