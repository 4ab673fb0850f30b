"""The exact difference of two distributions: an epoch and the one before, or two rulesets.

Every amount in a leaf is told twice, by payee and by the id of the leaf (a work, or fees, escrow,
suspense), and both ways sum to the same: per asset, Σ payees = Σ works = allocated + fees + escrow,
now, before, and so the difference. Escrow and suspense stand under the payouts contract, as payee.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.approvals import AssetTotals
from contracts.evm import Address, Hash32
from contracts.leaves import Leaf
from contracts.units import BaseUnits
from settlement.royalties.errors import DifferenceBroken


class Outcome(Protocol):
    """What is compared: a `Distribution`, or one that is read back."""

    @property
    def totals(self) -> Sequence[AssetTotals]:
        """One per asset, ascending."""

    @property
    def leaves(self) -> Sequence[Leaf]:
        """All leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutcome:
    """A distribution that was read back; nothing at all where there was no epoch before."""

    totals: tuple[AssetTotals, ...] = ()
    leaves: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One amount, now and before."""

    now: BaseUnits
    before: BaseUnits

    @property
    def delta(self) -> int:
        """What was added; negative if something was lost."""
        return self.now - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalChange:
    """The money of one asset: paid in = allocated + fees + escrow + unallocated."""

    asset: Address
    paid_in: Change
    allocated: Change
    fees: Change
    escrow: Change
    unallocated: Change

    @property
    def in_leaves(self) -> Change:
        """What the leaves sum to."""
        terms = (self.allocated, self.fees, self.escrow)
        return _change(sum(one.now for one in terms), sum(one.before for one in terms))


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeChange:
    """What all leaves together hold for one payee in one asset."""

    payee: Address
    asset: Address
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkChange:
    """What all parts of one work, or of another id of leaves, together hold in one asset."""

    work_id: Hash32
    asset: Address
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All amounts of two distributions, those that stayed the same too.

    `totals` ascending by asset, `payees` by (payee, asset), `works` by (work, asset).
    """

    totals: tuple[TotalChange, ...]
    payees: tuple[PayeeChange, ...]
    works: tuple[WorkChange, ...]


def difference(now: Outcome, before: Outcome) -> Difference:
    """Compare two distributions.

    Raises:
        DifferenceBroken: the leaves of one do not sum to its totals.
    """
    result = Difference(
        totals=tuple(_totals(now.totals, before.totals)),
        payees=tuple(
            PayeeChange(payee=Address(payee), asset=asset, change=change)
            for (payee, asset), change in _changes(_by_payee(now), _by_payee(before))
        ),
        works=tuple(
            WorkChange(work_id=Hash32(work_id), asset=asset, change=change)
            for (work_id, asset), change in _changes(_by_work(now), _by_work(before))
        ),
    )
    _check(result)
    return result


_Key = tuple[bytes, Address]


def _by_payee(outcome: Outcome) -> dict[_Key, int]:
    return _summed(
        ((line.payee, leaf.asset), line.amount) for leaf in outcome.leaves for line in leaf.lines
    )


def _by_work(outcome: Outcome) -> dict[_Key, int]:
    return _summed(((leaf.work_id, leaf.asset), leaf.amount) for leaf in outcome.leaves)


def _summed(amounts: Iterable[tuple[_Key, int]]) -> dict[_Key, int]:
    sums: dict[_Key, int] = {}
    for key, amount in amounts:
        sums[key] = sums.get(key, 0) + amount
    return sums


def _changes(now: Mapping[_Key, int], before: Mapping[_Key, int]) -> Iterator[tuple[_Key, Change]]:
    for key in sorted(now.keys() | before.keys()):
        yield key, _change(now.get(key, 0), before.get(key, 0))


def _change(now: int, before: int) -> Change:
    return Change(now=BaseUnits(now), before=BaseUnits(before))


def _totals(now: Sequence[AssetTotals], before: Sequence[AssetTotals]) -> Iterator[TotalChange]:
    of_now = {total.asset: total for total in now}
    of_before = {total.asset: total for total in before}
    for asset in sorted(of_now.keys() | of_before.keys()):
        pair = of_now.get(asset), of_before.get(asset)
        changes = {
            name: _change(*(getattr(total, name) if total else 0 for total in pair))
            for name in ("paid_in", "allocated", "fees", "escrow", "unallocated")
        }
        yield TotalChange(asset=asset, **changes)


def _check(result: Difference) -> None:
    """Both sums of every asset, now and before, are what the totals say of leaves."""
    in_leaves = {total.asset: total.in_leaves for total in result.totals}
    nothing = _change(0, 0)
    lists: tuple[tuple[str, Sequence[PayeeChange | WorkChange]], ...] = (
        ("payees", result.payees),
        ("works", result.works),
    )
    for name, changes in lists:
        for asset in sorted({one.asset for one in changes} | in_leaves.keys()):
            total = in_leaves.get(asset, nothing)
            amounts = [one.change for one in changes if one.asset == asset]
            for side in ("now", "before"):
                summed = sum(getattr(amount, side) for amount in amounts)
                if summed != getattr(total, side):
                    raise DifferenceBroken(
                        asset, f"{name} {side}", summed=summed, total=getattr(total, side)
                    )
