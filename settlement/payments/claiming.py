"""Binding: which log pays which order, once and for ever.

A log that was claimed for an order is that order's, whatever happens to its block. An order takes
one log: another one only where a reorg took all that it has. Two orders that race for one log are
told apart by a unique constraint in the database, and two logs that race for one order by the
number of the claim: whoever loses looks again.

What a reorg took may come back, and then an order has two logs that stand. The one that comes first
on the chain counts, and the others are duplicates, whose money is due back. The order of the chain
is the same for everybody, and it agrees with finality: what is mined again comes after what was
final meanwhile.

Anybody can ask for a payment under an order id that others use: it is there to be read once the
payment was sent. So a log that pays an intent which asked for that order first is kept for it, even
if nobody has looked for it yet.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from settlement.payments.errors import ClaimLost
from settlement.payments.intent import PaymentIntent
from settlement.payments.naming import Place
from settlement.payments.ports import PaymentStore
from settlement.payments.rulebook import LogPlace
from settlement.payments.verification import Check, Finding, Result, Verdict

_TRIES_MAX = 5
_EXPECTED = "a log that no other order claimed, for an order without another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paying:
    """Where on the chain a claimed log is that pays its order, and whether it stays there."""

    at: LogPlace
    is_final: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """The verdict that counts, with the check of its claim where all others passed.

    `place` is bound to the order, or free to be; None where nothing is. `rival` is the log that
    pays the order instead.
    """

    verdict: Verdict
    place: Place | None
    rival: Paying | None = None


def is_payment(verdict: Verdict) -> bool:
    """Whether a log pays, final or not."""
    return not set(verdict.failed) - {Check.FINALITY}


def claimed(
    intent: PaymentIntent,
    verdicts: Sequence[Verdict],
    store: PaymentStore,
    *,
    stands: Callable[[Place], Paying | None],
    kept: Collection[Place],
    binds: bool,
) -> Claimed:
    """Claim the first log that pays and is free; without `binds` only say what would come of it.

    Args:
        intent: what was asked for.
        verdicts: of all logs of one transaction, the best one first.
        store: the claims.
        stands: where a place that the order claimed before pays it still, if it does.
        kept: places of logs that pay who asked for the order first.
        binds: whether to bind.

    Raises:
        ClaimLost: others bind the same order at this moment.
    """
    good = [one for one in verdicts if is_payment(one)]
    if not good:
        return Claimed(_unpaid(intent, verdicts[0], store, kept), None)
    here = {one.place for one in good}
    for _ in range(_TRIES_MAX):
        claims = store.claims(intent.intent_id)
        own = next((one for one in good if one.place in claims), None)
        rival = _first([place for place in claims if place not in here], stands)
        if own is not None and (rival is None or own.at < rival[0].at):
            return Claimed(_passed(own), own.place)
        if rival is not None:
            why = f"the order is paid by {_named(rival[1])}"
            place = None if own is None else own.place
            return Claimed(_failed(own or good[0], why), place, rival[0])
        found = _bound(intent, good, store, kept, attempt=len(claims), binds=binds)
        if found is not None:
            return found
    raise ClaimLost(intent.intent_id)


def _first(
    claims: Sequence[Place], stands: Callable[[Place], Paying | None]
) -> tuple[Paying, Place] | None:
    """Of the claims that stand, the one that comes first on the chain."""
    found = [(paying, place) for place in claims if (paying := stands(place)) is not None]
    return min(found, key=lambda one: one[0].at, default=None)


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
            return Claimed(_passed(one), one.place)
    return Claimed(_failed(good[0], "claimed for another order"), None)


def _unpaid(
    intent: PaymentIntent, verdict: Verdict, store: PaymentStore, kept: Collection[Place]
) -> Verdict:
    """The verdict of a log that does not pay: where it pays another order, nothing is due back."""
    place = verdict.place
    if place is None or Check.CLAIM in verdict.failed:
        return verdict
    is_anothers = place in kept or store.owner_of(place) not in {None, intent.intent_id}
    return _failed(verdict, "claimed for another order") if is_anothers else verdict


def _passed(verdict: Verdict) -> Verdict:
    return verdict.with_finding(Finding(Check.CLAIM, Result.PASSED, _EXPECTED, "so"))


def _failed(verdict: Verdict, found: str) -> Verdict:
    return verdict.with_finding(Finding(Check.CLAIM, Result.FAILED, _EXPECTED, found))


def _named(place: Place) -> str:
    return f"log {place.ordinal} of transaction {place.transaction_hash}"
