"""How what a work earned became lines of leaves: every list of payees on the way, share by share.

The split is followed anew, list by list, and compared with the leaves that the engine made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.evm import Address, Hash32
from contracts.leaves import SPLIT_LINES_MAX, Leaf, LeafKind, SplitLine, escrow_id
from contracts.units import BaseUnits
from settlement.royalties.allotment import Portion, allotment
from settlement.royalties.derivation_steps import (
    EventId,
    Fate,
    ListSteps,
    PaidLine,
    PayeePart,
    Sources,
    SplitSteps,
    SuspendedPart,
)
from settlement.royalties.errors import agree
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import WorkTerms
from settlement.royalties.resolution import never_paid_in
from settlement.royalties.split_graph import DEPTH_MAX, VISITS_MAX, SplitTerms


def explain_split(
    amount: BaseUnits, leaves: Sequence[Leaf], *, asset: Address, work_id: Hash32, sources: Sources
) -> SplitSteps:
    """How an amount became lines; `leaves` are of the work and its suspense, in this asset.

    Raises:
        ExplanationDiffers: the steps do not lead to these leaves.
    """
    terms = sources.terms[work_id]
    event = sources.event(terms.block_number, terms.log_index)
    if terms.is_recognised:
        steps = _escrowed(amount, terms, event)
    else:
        steps = _followed(amount, terms, event, _Trail(asset, sources))
    _compare(steps, leaves, work_id)
    return steps


def paid_lines(amounts: Mapping[Address, int]) -> Iterator[PaidLine]:
    """What each payee has in all, as lines of leaves."""
    for place, (payee, amount) in enumerate(sorted(amounts.items())):
        yield PaidLine(payee=payee, amount=BaseUnits(amount), part=place // SPLIT_LINES_MAX)


def agree_on_lines(what: str, lines: Sequence[PaidLine], leaves: Sequence[Leaf]) -> None:
    """Compare lines with leaves that are ascending by part.

    Raises:
        ExplanationDiffers: they differ.
    """
    explained = [(line.part, _shown(line)) for line in lines]
    computed = [(leaf.part, _shown(line)) for leaf in leaves for line in leaf.lines]
    agree(f"{what}: lines", explained, computed)


def _shown(line: PaidLine | SplitLine) -> str:
    return f"{line.payee} {line.amount}"


class _TooLarge(Exception):
    """The lists on the way are longer than the rules allow."""


@dataclass(slots=True)
class _Trail:
    """What was met on the way through all lists of one work."""

    asset: Address
    sources: Sources
    visits: int = 0
    paid: dict[Address, int] = field(default_factory=dict)
    suspended: dict[tuple[int, Reason], int] = field(default_factory=dict)

    def reason(self, payee: Address, path: Sequence[Address]) -> Reason | None:
        """Why a payee's part goes no further; None if it is paid or shared on."""
        if payee in never_paid_in(self.asset, self.sources.scope):
            return Reason.UNPAYABLE_PAYEE
        account = self.sources.accounts.get(payee)
        if account is None:
            return None
        if payee in path:
            return Reason.SPLIT_CYCLE
        if len(path) >= DEPTH_MAX:
            return Reason.SPLIT_TOO_DEEP
        return None if account.is_well_formed else Reason.SPLIT_MALFORMED


def _escrowed(amount: BaseUnits, terms: WorkTerms, event: EventId) -> SplitSteps:
    return SplitSteps(
        terms=event,
        amount=amount,
        shared=None,
        lines=(),
        paid=BaseUnits(0),
        suspended=(),
        escrow_id=escrow_id(terms.content_id),
        escrowed=amount,
    )


def _followed(amount: BaseUnits, terms: WorkTerms, event: EventId, trail: _Trail) -> SplitSteps:
    shared: ListSteps | None
    try:
        shared = _shared(amount, terms, trail, path=(), first=None)
    except _TooLarge:
        shared = None
        trail.paid.clear()
        trail.suspended = {(0, Reason.SPLIT_TOO_LARGE): amount} if amount else {}
    lines = tuple(paid_lines(trail.paid))
    return SplitSteps(
        terms=event,
        amount=amount,
        shared=shared,
        lines=lines,
        paid=BaseUnits(sum(line.amount for line in lines)),
        suspended=tuple(
            SuspendedPart(position=position, reason=reason, amount=BaseUnits(stopped))
            for (position, reason), stopped in sorted(trail.suspended.items())
        ),
        escrow_id=None,
        escrowed=BaseUnits(0),
    )


def _shared(
    amount: BaseUnits,
    terms: WorkTerms | SplitTerms,
    trail: _Trail,
    *,
    path: tuple[Address, ...],
    first: int | None,
) -> ListSteps:
    """One list; `first` is the place in the work's own list that the way began at."""
    trail.visits += len(terms.payees)
    if trail.visits > VISITS_MAX:
        raise _TooLarge
    shares = list(zip(terms.payees, terms.shares_ppm, strict=True))
    portions = allotment(amount, [share for _, share in shares])
    payees = tuple(
        _part(payee, share, portion, trail, path=path, first=place if first is None else first)
        for place, ((payee, share), portion) in enumerate(
            zip(shares, portions.portions, strict=True)
        )
    )
    return ListSteps(
        terms=trail.sources.event(terms.block_number, terms.log_index),
        amount=amount,
        denominator=portions.denominator,
        dust=portions.dust,
        payees=payees,
    )


def _part(
    payee: Address,
    share_ppm: int,
    portion: Portion,
    trail: _Trail,
    *,
    path: tuple[Address, ...],
    first: int,
) -> PayeePart:
    amount = BaseUnits(portion.amount)
    reason, shared_on = None, None
    if amount == 0:
        fate = Fate.ZERO
    elif (reason := trail.reason(payee, path)) is not None:
        fate = Fate.SUSPENSE
        key = first, reason
        trail.suspended[key] = trail.suspended.get(key, 0) + amount
    elif (account := trail.sources.accounts.get(payee)) is not None:
        fate = Fate.SPLIT
        shared_on = _shared(amount, account, trail, path=(*path, payee), first=first)
    else:
        fate = Fate.LEAF
        trail.paid[payee] = trail.paid.get(payee, 0) + amount
    return PayeePart(
        payee=payee,
        share_ppm=share_ppm,
        portion=portion,
        fate=fate,
        reason=reason,
        shared_on=shared_on,
    )


def _compare(steps: SplitSteps, leaves: Sequence[Leaf], work_id: Hash32) -> None:
    """The lines are those of the work's leaves, and the rest is what its suspense leaf holds."""
    what = f"work {work_id}"
    of_work = [leaf for leaf in leaves if leaf.kind is LeafKind.WORK]
    agree_on_lines(what, steps.lines, of_work)
    suspense = sum(leaf.amount for leaf in leaves if leaf.kind is LeafKind.SUSPENSE)
    suspended = sum(part.amount for part in steps.suspended)
    agree(f"{what}: suspense", suspended, suspense)
    agree(f"{what}: amount", steps.paid + suspended + steps.escrowed, steps.amount)
