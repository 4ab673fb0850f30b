"""A creator's account with one settlement, over one period.

    opening + earned - paid = closing            in every asset, to the unit
                              └── outstanding + unclaimed; of outstanding, what is held

What a creator has is the balance of all accounts that name them as payee: leaves that are payable,
lines of the relay and of documents that are owed, and pull balances. A payment that a splitter
passes on at once is earned and paid in one entry.

| kind | what moved |
|---|---|
| royalty | an epoch's leaf became payable |
| fee | the fees of an epoch did |
| escrow_release | escrow or suspense became a pull balance |
| pay_per_view, tip, ticket | a payer paid, through the splitter or the relay |
| document | an accepted document says so |
| adjustment | anything else: a manual entry, or the reversal of what was owed |
| paid | out of the contract, to the payee |
| withdrawn | a pull balance, out of the contract |
| unclaimed | refused by the payee, moved to the pull balance: neither earned nor paid |
| refund | a payment went back to its payer, past the creator's account |

Both sides come from other sums: opening and closing are balances of accounts, everything between
is made of postings that are sorted by what they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.event_spec import ContractName
from contracts.evm import Address, Epoch, Hash32
from reconciliation.errors import CreatorStatementBroken
from settlement.ledger.accounts import AccountKind


class MoveKind(StrEnum):
    """What a posting means to the creator."""

    ROYALTY = "royalty"
    FEE = "fee"
    ESCROW_RELEASE = "escrow_release"
    PAY_PER_VIEW = "pay_per_view"
    TIP = "tip"
    TICKET = "ticket"
    DOCUMENT = "document"
    ADJUSTMENT = "adjustment"
    PAID = "paid"
    WITHDRAWN = "withdrawn"
    UNCLAIMED = "unclaimed"
    REFUND = "refund"


PAYING = (MoveKind.PAID, MoveKind.WITHDRAWN)
PASSING = (MoveKind.UNCLAIMED, MoveKind.REFUND)
"""Kinds that neither earn nor pay."""

_BY_SOURCE = {
    AccountKind.COMMITTED: MoveKind.ROYALTY,
    AccountKind.FEES: MoveKind.FEE,
    AccountKind.ESCROW: MoveKind.ESCROW_RELEASE,
    AccountKind.SUSPENSE: MoveKind.ESCROW_RELEASE,
    AccountKind.DOCUMENTS: MoveKind.DOCUMENT,
}
_BY_CONTRACT = {
    ContractName.PAY_PER_VIEW_SPLITTER: MoveKind.PAY_PER_VIEW,
    ContractName.TIP_SPLITTER: MoveKind.TIP,
    ContractName.TIP_RELAY: MoveKind.TIP,
    ContractName.TICKET_SALE: MoveKind.TICKET,
}
_MONEY = (AccountKind.CASH, AccountKind.WALLET)
_SOLD = (AccountKind.EARNED, AccountKind.OWED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a posting: what kind of account, and whether it is the creator's."""

    kind: AccountKind
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """Postings of one kind in one period, summed: from where to where, in whose book, for what.

    `subject` is the id that the account names: a work, a content, an event, an op-id.
    """

    contract: Address
    asset: Address
    debit: Side
    credit: Side
    epoch: Epoch | None
    subject: Hash32 | None
    amount: int
    postings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBalance:
    """What one kind of the creator's accounts had before the period, and has at its end."""

    contract: Address
    asset: Address
    kind: AccountKind
    opening: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Amounts beside the account: of `closing`, what is held; and fees that payers paid on top."""

    held: Mapping[Address, int]
    fees: Mapping[Address, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """All moves of one kind for one subject, from one contract; never zero postings."""

    kind: MoveKind
    contract: Address
    epoch: Epoch | None
    subject: Hash32 | None
    amount: int
    postings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetStatement:
    """One asset of a creator's statement; `fees` were paid on top by payers, not by the creator."""

    payee: Address
    asset: Address
    opening: int
    earned: int
    paid: int
    closing: int
    unclaimed: int
    held: int
    refunded: int
    fees: int
    lines: tuple[StatementLine, ...]

    def __post_init__(self) -> None:
        """Refuse a statement that does not add up."""
        made = self.opening + self.earned - self.paid
        if made != self.closing:
            sides = f"{self.opening} + {self.earned} - {self.paid} is {made}"
            self._refuse(f"{sides}, the books say {self.closing}")
        if self.opening < 0 or self.closing < 0:
            self._refuse(f"from {self.opening} to {self.closing}: below zero")
        if not 0 <= self.unclaimed <= self.closing:
            self._refuse(f"{self.unclaimed} unclaimed of {self.closing}")
        if not 0 <= self.held <= self.outstanding:
            self._refuse(f"{self.held} held of {self.outstanding} outstanding")

    @property
    def outstanding(self) -> int:
        """What the contracts owe and have not tried to pay, or were not let."""
        return self.closing - self.unclaimed

    def _refuse(self, what: str) -> None:
        raise CreatorStatementBroken(self.payee, self.asset, what)


def move_kind(debit: Side, credit: Side, contract: ContractName | None) -> MoveKind:
    """What a posting with a side of the creator's means, in the book of this contract."""
    if AccountKind.REFUNDED in (debit.kind, credit.kind):
        return MoveKind.REFUND
    if debit.is_own and credit.is_own:
        return MoveKind.UNCLAIMED
    if debit.is_own:
        is_pull = debit.kind is AccountKind.UNCLAIMED
        paid = MoveKind.WITHDRAWN if is_pull else MoveKind.PAID
        return paid if credit.kind in _MONEY else MoveKind.ADJUSTMENT
    if debit.kind in _MONEY and contract in _BY_CONTRACT and credit.kind in _SOLD:
        return _BY_CONTRACT[contract]
    return _BY_SOURCE.get(debit.kind, MoveKind.ADJUSTMENT)


def creator_statements(
    payee: Address,
    balances: Iterable[OwnBalance],
    turnovers: Iterable[Turnover],
    aside: Aside,
    *,
    contracts: Mapping[Address, ContractName],
) -> list[AssetStatement]:
    """One statement for each asset that the creator ever had, ascending.

    Raises:
        CreatorStatementBroken: the postings do not lead from opening to closing.
    """
    lines: dict[Address, list[StatementLine]] = defaultdict(list)
    for turnover in turnovers:
        lines[turnover.asset].append(_line(turnover, contracts.get(turnover.contract)))
    opening: Counter[Address] = Counter()
    closing: Counter[Address] = Counter()
    unclaimed: Counter[Address] = Counter()
    for balance in balances:
        opening[balance.asset] += balance.opening
        closing[balance.asset] += balance.closing
        unclaimed[balance.asset] += balance.closing * (balance.kind is AccountKind.UNCLAIMED)
    return [
        _statement(
            payee,
            asset,
            lines[asset],
            between=(opening[asset], closing[asset]),
            unclaimed=unclaimed[asset],
            aside=aside,
        )
        for asset in sorted(opening.keys() | lines.keys())
    ]


def _statement(
    payee: Address,
    asset: Address,
    lines: Sequence[StatementLine],
    *,
    between: tuple[int, int],
    unclaimed: int,
    aside: Aside,
) -> AssetStatement:
    return AssetStatement(
        payee=payee,
        asset=asset,
        opening=between[0],
        earned=sum(line.amount for line in lines if line.kind not in (*PAYING, *PASSING)),
        paid=sum(line.amount for line in lines if line.kind in PAYING),
        closing=between[1],
        unclaimed=unclaimed,
        held=aside.held.get(asset, 0),
        refunded=sum(line.amount for line in lines if line.kind is MoveKind.REFUND),
        fees=aside.fees.get(asset, 0),
        lines=tuple(sorted(_merged(lines), key=_order)),
    )


def _line(turnover: Turnover, contract: ContractName | None) -> StatementLine:
    """A turnover as a line; money that left the account in another way than paid is negative.

    A refund passes the creator's account: it comes and goes, and counts once, when it goes.
    """
    kind = move_kind(turnover.debit, turnover.credit, contract)
    amount = turnover.amount
    if kind is MoveKind.ADJUSTMENT and turnover.debit.is_own:
        amount = -amount
    if kind is MoveKind.REFUND and not turnover.debit.is_own:
        amount = 0
    return StatementLine(
        kind=kind,
        contract=turnover.contract,
        epoch=turnover.epoch,
        subject=turnover.subject,
        amount=amount,
        postings=turnover.postings,
    )


def _merged(lines: Iterable[StatementLine]) -> list[StatementLine]:
    sums: Counter[tuple[MoveKind, Address, Epoch | None, Hash32 | None]] = Counter()
    counts: Counter[tuple[MoveKind, Address, Epoch | None, Hash32 | None]] = Counter()
    for line in lines:
        key = (line.kind, line.contract, line.epoch, line.subject)
        sums[key] += line.amount
        counts[key] += line.postings
    return [
        StatementLine(
            kind=key[0],
            contract=key[1],
            epoch=key[2],
            subject=key[3],
            amount=amount,
            postings=counts[key],
        )
        for key, amount in sums.items()
    ]


def _order(line: StatementLine) -> tuple[int, bytes, int, bytes]:
    kinds = list(MoveKind)
    epoch = -1 if line.epoch is None else line.epoch
    return kinds.index(line.kind), line.contract, epoch, line.subject or b""
