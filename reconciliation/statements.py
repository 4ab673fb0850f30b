"""Where the money of each epoch is.

    paid_in = uncommitted + allocated + fees + escrow + unallocated
                            └────┬─────────┘     │          ╎
                  withdrawn + unclaimed +        │          ╎ + expired - transferred = left
                        outstanding              └── released + expired + in_escrow + in_suspense
                             └── of which held: by verdict, or because the payee is

Everything is of finalized entries. `unclaimed` is what payees refused at withdrawal, also if they
took it later, and `released` what beneficiaries got: whose it is then is in their pull balance,
which knows no epoch.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields

from contracts.batches import VerdictColumns
from contracts.evm import Address, Epoch, Hash32
from contracts.units import BaseUnits
from reconciliation.errors import StatementBroken
from settlement.ledger.accounts import IN_ESCROW, OWED_TO_LEAVES, AccountKind
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
    fees: BaseUnits
    escrow: BaseUnits
    unallocated: BaseUnits
    withdrawn: BaseUnits
    unclaimed: BaseUnits
    outstanding: BaseUnits
    held: BaseUnits
    released: BaseUnits
    expired: BaseUnits
    in_escrow: BaseUnits
    in_suspense: BaseUnits
    transferred: BaseUnits
    left: BaseUnits

    def __post_init__(self) -> None:
        """Refuse a statement that does not add up."""
        sums = (
            ("paid in", self.paid_in, self.uncommitted + self._divided),
            ("for leaves", self._for_leaves, self.withdrawn + self.unclaimed + self.outstanding),
            ("to escrow", self.escrow, self.released + self.expired + self._in_escrow),
            ("unallocated", self.unallocated + self.expired, self.transferred + self.left),
        )
        for what, whole, parts in sums:
            if whole != parts:
                raise StatementBroken(self.epoch, f"{whole} {what}, {parts} placed")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < 0:
                raise StatementBroken(self.epoch, f"{field.name} is {value}")
        if self.held > self.outstanding:
            raise StatementBroken(self.epoch, f"{self.held} held of {self.outstanding}")

    @property
    def _for_leaves(self) -> int:
        return self.allocated + self.fees

    @property
    def _divided(self) -> int:
        return self._for_leaves + self.escrow + self.unallocated

    @property
    def _in_escrow(self) -> int:
        return self.in_escrow + self.in_suspense


def works_under_verdict(verdicts: VerdictColumns) -> frozenset[Hash32]:
    """Works whose last verdict event placed one; events are in chain order."""
    last = dict(zip(verdicts.work_id, verdicts.is_placed, strict=True))
    return frozenset(work_id for work_id, is_placed in last.items() if is_placed)


def epoch_statements(
    flows: Sequence[Flow],
    leaves: Iterable[PayableLeaf],
    *,
    held_works: Collection[Hash32],
    held_payees: Collection[Address],
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
        is_work_held = leaf.work_id in held_works
        held[leaf.epoch, leaf.asset] += sum(
            line.amount for line in leaf.open_lines if is_work_held or line.payee in held_payees
        )
    keys = sorted({(flow.epoch, flow.asset) for flow in flows})
    return [_statement(epoch, asset, moved, held[epoch, asset]) for epoch, asset in keys]


def _statement(epoch: Epoch, asset: Address, moved: Counter[_Move], held: int) -> EpochStatement:
    def net(source: AccountKind, target: AccountKind) -> BaseUnits:
        return BaseUnits(moved[epoch, asset, source, target])

    def balance(*kinds: AccountKind) -> BaseUnits:
        return BaseUnits(
            sum(moved[epoch, asset, source, kind] for kind in kinds for source in AccountKind)
        )

    def of_escrow(target: AccountKind) -> BaseUnits:
        return BaseUnits(sum(net(source, target) for source in IN_ESCROW))

    paid_in = AccountKind.PAID_IN
    return EpochStatement(
        epoch=epoch,
        asset=asset,
        paid_in=net(AccountKind.CASH, paid_in),
        uncommitted=balance(paid_in),
        allocated=net(paid_in, AccountKind.COMMITTED),
        fees=net(paid_in, AccountKind.FEES),
        escrow=net(paid_in, AccountKind.ESCROWED),
        unallocated=net(paid_in, AccountKind.UNALLOCATED),
        withdrawn=net(AccountKind.PAYABLE, AccountKind.CASH),
        unclaimed=net(AccountKind.PAYABLE, AccountKind.UNCLAIMED),
        outstanding=balance(*OWED_TO_LEAVES),
        held=BaseUnits(held),
        released=of_escrow(AccountKind.UNCLAIMED),
        expired=of_escrow(AccountKind.UNALLOCATED),
        in_escrow=balance(AccountKind.ESCROWED, AccountKind.ESCROW),
        in_suspense=balance(AccountKind.SUSPENSE),
        transferred=net(AccountKind.UNALLOCATED, AccountKind.CASH),
        left=balance(AccountKind.UNALLOCATED),
    )
