"""Trial balances: every kind of account of a book in one asset, with what moved, added up.

start + debits - credits = end        of accounts that debits raise; the others the other way
all debits = all credits
what debits raised at the end = what credits raised at the end
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.evm import Address
from reconciliation.close_figures import KindBalance, KindFlow
from reconciliation.errors import CloseBroken
from settlement.ledger.accounts import AccountKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLine:
    """One kind of account; `start` and `end` are on its normal side."""

    kind: AccountKind
    start: int
    debits: int
    credits: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """One book in one asset; the lines in the order of the chart of accounts."""

    contract: Address
    asset: Address
    lines: tuple[TrialLine, ...]

    @property
    def moved(self) -> int:
        """All debits, and all credits."""
        return sum(line.debits for line in self.lines)

    def balance(self, *, at_start: bool) -> int:
        """What the accounts that debits raise come to, and those that credits raise."""
        return sum(
            line.start if at_start else line.end for line in self.lines if line.kind.is_debit_normal
        )


def trial_balances(
    flows: Iterable[KindFlow], balances: Iterable[KindBalance]
) -> list[TrialBalance]:
    """One for each book and asset, ascending.

    Raises:
        CloseBroken: debits and credits do not come to the same.
    """
    debits: Counter[tuple[Address, Address, AccountKind]] = Counter()
    credits: Counter[tuple[Address, Address, AccountKind]] = Counter()
    for flow in flows:
        debits[flow.contract, flow.asset, flow.debit] += flow.amount
        credits[flow.contract, flow.asset, flow.credit] += flow.amount
    lines: dict[tuple[Address, Address], list[TrialLine]] = {}
    for one in balances:
        key = (one.contract, one.asset, one.kind)
        line = TrialLine(
            kind=one.kind,
            start=one.opening,
            debits=debits[key],
            credits=credits[key],
            end=one.closing,
        )
        lines.setdefault((one.contract, one.asset), []).append(line)
    return [_checked(contract, asset, of) for (contract, asset), of in sorted(lines.items())]


def _checked(contract: Address, asset: Address, lines: list[TrialLine]) -> TrialBalance:
    order = list(AccountKind)
    made = TrialBalance(
        contract=contract,
        asset=asset,
        lines=tuple(sorted(lines, key=lambda line: order.index(line.kind))),
    )
    for line in made.lines:
        net = line.debits - line.credits
        if line.start + (net if line.kind.is_debit_normal else -net) != line.end:
            raise CloseBroken(f"{line.kind} of {contract} in {asset}: {line}")
    sides = Counter[bool]()
    for line in made.lines:
        sides[line.kind.is_debit_normal] += line.end
    if made.moved != sum(line.credits for line in made.lines) or sides[True] != sides[False]:
        raise CloseBroken(f"debits and credits of {contract} in {asset} differ")
    return made
