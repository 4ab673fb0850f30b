"""Where the money of each epoch is.

    paid_in = uncommitted + allocated + unallocated
                              └── withdrawn + unclaimed + outstanding
                                                            └── of which held: by verdict

Everything is of finalized entries. `unclaimed` is what payees refused at withdrawal, also if they
took it later: whose it is then is in their pull balance, which knows no epoch.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.batches import VerdictColumns
from contracts.evm import Address, Epoch, Hash32
from contracts.units import BaseUnits
from reconciliation.errors import StatementBroken
from settlement.ledger.accounts import AccountKind
from settlement.ledger.balances import Flow, PayableLeaf

_Move = tuple[Epoch, Address, AccountKind, AccountKind]
"""Epoch, asset, debited kind, credited kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStatement:
    """One epoch in one asset, in base units."""

    epoch: Epoch
    asset: Address
    paid_in: BaseUnits
    uncommitted: BaseUnits
    allocated: BaseUnits
    unallocated: BaseUnits
    withdrawn: BaseUnits
    unclaimed: BaseUnits
    outstanding: BaseUnits
    held: BaseUnits

    def __post_init__(self) -> None:
        """Refuse a statement that does not add up."""
        divided = self.uncommitted + self.allocated + self.unallocated
        if divided != self.paid_in:
            raise StatementBroken(self.epoch, f"{self.paid_in} paid in, {divided} divided")
        placed = self.withdrawn + self.unclaimed + self.outstanding
        if placed != self.allocated:
            raise StatementBroken(self.epoch, f"{self.allocated} allocated, {placed} placed")
        amounts = (self.uncommitted, self.allocated, self.unallocated, self.outstanding)
        if min(amounts) < 0 or not 0 <= self.held <= self.outstanding:
            raise StatementBroken(self.epoch, f"{self.held} held of {self.outstanding}")


def works_under_verdict(verdicts: VerdictColumns) -> frozenset[Hash32]:
    """Works whose last verdict event placed one; events are in chain order."""
    last = dict(zip(verdicts.work_id, verdicts.is_placed, strict=True))
    return frozenset(work_id for work_id, is_placed in last.items() if is_placed)


def epoch_statements(
    flows: Sequence[Flow], leaves: Iterable[PayableLeaf], held_works: frozenset[Hash32]
) -> list[EpochStatement]:
    """One statement per epoch and asset, ascending, from the books at one block.

    Raises:
        StatementBroken: the flows do not add up.
    """
    moved: Counter[_Move] = Counter()
    for flow in flows:
        moved[flow.epoch, flow.asset, flow.debit, flow.credit] += flow.amount
        moved[flow.epoch, flow.asset, flow.credit, flow.debit] -= flow.amount
    held: Counter[tuple[Epoch, Address]] = Counter()
    for leaf in leaves:
        if leaf.work_id in held_works:
            held[leaf.epoch, leaf.asset] += leaf.outstanding
    keys = sorted({(flow.epoch, flow.asset) for flow in flows})
    return [_statement(epoch, asset, moved, held[epoch, asset]) for epoch, asset in keys]


def _statement(epoch: Epoch, asset: Address, moved: Counter[_Move], held: int) -> EpochStatement:
    def net(source: AccountKind, target: AccountKind) -> BaseUnits:
        return BaseUnits(moved[epoch, asset, source, target])

    def balance(kind: AccountKind) -> int:
        return sum(moved[epoch, asset, source, kind] for source in AccountKind)

    return EpochStatement(
        epoch=epoch,
        asset=asset,
        paid_in=net(AccountKind.CASH, AccountKind.PAID_IN),
        uncommitted=BaseUnits(balance(AccountKind.PAID_IN)),
        allocated=net(AccountKind.PAID_IN, AccountKind.COMMITTED),
        unallocated=BaseUnits(balance(AccountKind.UNALLOCATED)),
        withdrawn=net(AccountKind.PAYABLE, AccountKind.CASH),
        unclaimed=net(AccountKind.PAYABLE, AccountKind.UNCLAIMED),
        outstanding=BaseUnits(balance(AccountKind.COMMITTED) + balance(AccountKind.PAYABLE)),
        held=BaseUnits(held),
    )
