"""What the gas of one transaction was for: its cost, divided among what it carried.

A transaction names its operations in its calldata. Each of them bears an equal part of the cost, to
the unit: what is left of the division is borne by the first ones, a unit each. What carried none
bears its cost itself. Parts of one kind and epoch are told together.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.evm import Epoch
from contracts.units import allot_rows
from settlement.ledger.accounts import AccountKind
from settlement.ledger.journal import JournalEntry, SourceKind

Carried = tuple[str, Epoch | None]
"""The kind of an operation, and its epoch where it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GasPart:
    """What operations of one kind and epoch cost; `kind` is None where there was none."""

    kind: str | None
    epoch: Epoch | None
    operations: int
    amount: int

    def __str__(self) -> str:
        """`kind=amount`, with the epoch behind the kind where there is one."""
        epoch = "" if self.epoch is None else f":{self.epoch}"
        return f"{self.kind or 'none'}{epoch}={self.amount}"


def gas_parts(entry: JournalEntry, carried: Sequence[Carried]) -> tuple[GasPart, ...]:
    """The parts of an entry's gas, by kind and epoch; of an entry without gas none.

    Args:
        entry: any entry.
        carried: the operations of its transaction, in their order.

    Invariants: the amounts add up to what is debited to gas.
    """
    cost = sum(one.amount for one in entry.postings if one.debit.kind is AccountKind.GAS)
    if entry.source.kind is not SourceKind.GAS or not cost:
        return ()
    if not carried:
        return (GasPart(kind=None, epoch=None, operations=0, amount=cost),)
    amounts: Counter[Carried] = Counter()
    for what, share in zip(carried, allot_rows(cost, [1] * len(carried)), strict=True):
        amounts[what] += share
    return tuple(
        GasPart(kind=what[0], epoch=what[1], operations=carried.count(what), amount=amounts[what])
        for what in dict.fromkeys(carried)
    )
