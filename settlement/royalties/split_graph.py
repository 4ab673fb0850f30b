"""Splits of splits: an amount, followed through split accounts to those who are paid.

    work ─┬─ 60 % Ann
          └─ 40 % band ─┬─ 50 % Bob          an account shares out what it gets among its payees,
                        ├─ 30 % label ─ …    to the unit, at its own level; nobody can be paid at
                        └─ 20 % band         an account that stands on the path already

Whatever cannot be followed is refused with a reason, and its amount goes to suspense; the other
lines are not touched. The same payee on several paths has one line, the sum of what each brought.

Invariant: Σ lines + Σ refused = amount. Every list that is shared out counts by its length, so the
work is bounded whatever the terms say.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from contracts.evm import Address, BlockNumber, LogIndex
from contracts.leaves import SplitLine
from contracts.units import BaseUnits
from settlement.royalties.reasons import Reason
from settlement.royalties.splits import is_well_formed, split_lines

DEPTH_MAX = 8
VISITS_MAX = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTerms:
    """One split account's terms, and the log that set them; they may be malformed."""

    account: Address
    owner: Address
    version: int
    payees: tuple[Address, ...]
    shares_ppm: tuple[int, ...]
    block_number: BlockNumber
    log_index: LogIndex

    @property
    def is_well_formed(self) -> bool:
        """Whether an amount can be shared out by them."""
        return is_well_formed(self.payees, self.shares_ppm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payability:
    """Who can be paid in one asset: nobody in `never_paid`, and not an account itself."""

    never_paid: AbstractSet[Address]
    accounts: Mapping[Address, SplitTerms]

    def refusal(self, payee: Address, path: Sequence[Address]) -> Reason | None:
        """Why the amount for this payee stops here; None if it is paid or an account is entered."""
        if payee in self.never_paid:
            return Reason.UNPAYABLE_PAYEE
        terms = self.accounts.get(payee)
        if terms is None:
            return None
        if payee in path:
            return Reason.SPLIT_CYCLE
        if len(path) == DEPTH_MAX:
            return Reason.SPLIT_TOO_DEEP
        return None if terms.is_well_formed else Reason.SPLIT_MALFORMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What stopped on the way, by the place of the payee in the first list."""

    position: int
    reason: Reason
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """Lines ascending by payee, and what is refused, ascending by (position, reason)."""

    lines: tuple[SplitLine, ...]
    refused: tuple[Refused, ...]


def expand(
    amount: BaseUnits,
    *,
    payees: Sequence[Address],
    shares_ppm: Sequence[int],
    payability: Payability,
) -> Expansion:
    """Share an amount among payees, and on through the accounts among them."""
    walk = _Walk(payability)
    if not walk.share(amount, payees, shares_ppm, path=(), position=None):
        whole = Refused(position=0, reason=Reason.SPLIT_TOO_LARGE, amount=amount)
        return Expansion(lines=(), refused=(whole,) if amount else ())
    return Expansion(
        lines=tuple(
            SplitLine(payee=payee, amount=BaseUnits(paid))
            for payee, paid in sorted(walk.paid.items())
        ),
        refused=tuple(
            Refused(position=position, reason=reason, amount=BaseUnits(stopped))
            for (position, reason), stopped in sorted(walk.refused.items())
        ),
    )


@dataclass(slots=True)
class _Walk:
    """One expansion under way: what was paid and refused so far, and how much was visited."""

    payability: Payability
    paid: dict[Address, int] = field(default_factory=dict)
    refused: dict[tuple[int, Reason], int] = field(default_factory=dict)
    visits: int = 0

    def share(
        self,
        amount: BaseUnits,
        payees: Sequence[Address],
        shares_ppm: Sequence[int],
        *,
        path: tuple[Address, ...],
        position: int | None,
    ) -> bool:
        """Share out one list, `position` being that of the first list; false if it is too much."""
        self.visits += len(payees)
        if self.visits > VISITS_MAX:
            return False
        place = {payee: at for at, payee in enumerate(payees)}
        for line in split_lines(amount, payees=payees, shares_ppm=shares_ppm):
            first = place[line.payee] if position is None else position
            if not self._follow(line, path, first):
                return False
        return True

    def _follow(self, line: SplitLine, path: tuple[Address, ...], position: int) -> bool:
        """Pay one line, refuse it, or enter the account that it is for."""
        reason = self.payability.refusal(line.payee, path)
        if reason is not None:
            key = position, reason
            self.refused[key] = self.refused.get(key, 0) + line.amount
            return True
        terms = self.payability.accounts.get(line.payee)
        if terms is None:
            self.paid[line.payee] = self.paid.get(line.payee, 0) + line.amount
            return True
        return self.share(
            line.amount,
            terms.payees,
            terms.shares_ppm,
            path=(*path, line.payee),
            position=position,
        )
