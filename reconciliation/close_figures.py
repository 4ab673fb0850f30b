"""The figures of a monthly close, from what moved in the period and what is left at its end.

    opening + moved = closing                for every kind of account, in every book and asset
    cash in - cash out = change of cash      in every asset

Everything is a sum over the journal; nothing is entered by hand. Where the postings of the period
do not lead from one balance to the other there is no report.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.event_spec import ContractName
from contracts.evm import Address, Epoch, Hash32, Timestamp
from reconciliation.creator_statements import MoveKind, Side, move_kind
from reconciliation.errors import CloseBroken
from reconciliation.period import Period
from reconciliation.solvency import OWED, Stated
from settlement.ledger.accounts import AccountKind

TOP_CREATORS = 10

OF_CREATORS = (
    AccountKind.PAYABLE,
    AccountKind.EARNED,
    AccountKind.OWED,
    AccountKind.UNCLAIMED,
)
"""Kinds of accounts that name a payee, and hold or pass what is theirs."""

_Key = tuple[Address, Address, AccountKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFlow:
    """All that moved in the period from accounts of one kind to another, in one book and asset."""

    contract: Address
    asset: Address
    debit: AccountKind
    credit: AccountKind
    amount: int
    postings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KindBalance:
    """Balances of all accounts of one kind on their normal side, before the period and after."""

    contract: Address
    asset: Address
    kind: AccountKind
    opening: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatorTotal:
    """What one creator earned in the period, in one asset."""

    payee: Address
    asset: Address
    earned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """Cash that came and went on one day, in one asset; `day` is its first second."""

    day: Timestamp
    asset: Address
    received: int
    paid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyLine:
    """A discrepancy that stood, was found or was resolved in the period."""

    id: Hash32
    kind: str
    subject: str
    severity: str
    owner: str
    explanation: str | None
    found_at: Timestamp
    resolved_at: Timestamp | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GasUse:
    """What a wallet spent on gas for operations of one kind, of one epoch where they have one.

    `kind` is None for transactions that carried no operation. A transaction that carried several
    counts for each of their kinds and epochs, with their part of its cost.
    """

    wallet: Address
    kind: str | None
    epoch: Epoch | None
    amount: int
    transactions: int
    operations: int


@dataclass(frozen=True, slots=True)
class AssetUnit:
    """How people write an asset, as its token says: base units of so many decimals."""

    symbol: str
    decimals: int

    def written(self, amount: int) -> str:
        """Base units with a decimal point, every digit of them."""
        whole, part = divmod(abs(amount), 10**self.decimals)
        fraction = f".{part:0{self.decimals}d}" if self.decimals else ""
        return f"{'-' if amount < 0 else ''}{whole}{fraction}"


NATIVE_UNIT = AssetUnit("coins", 18)
"""Of the native coin of every EVM chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSource:
    """What a report is made from, all of one snapshot but `units`, which tokens say themselves.

    `closed_by` says who closed the month, of the books in which it is closed; `wallets` are payout
    wallets, which have books of their own.
    """

    settlement: str
    chain_id: int
    contracts: Mapping[Address, ContractName]
    wallets: Sequence[Address]
    units: Mapping[Address, AssetUnit]
    period: Period
    is_over: bool
    closed_by: Mapping[Address, str]
    flows: Sequence[KindFlow]
    balances: Sequence[KindBalance]
    creators: Sequence[CreatorTotal]
    days: Sequence[DayTotal]
    gas: Sequence[GasUse]
    discrepancies: Sequence[DiscrepancyLine]
    solvency: Sequence[Stated]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetClose:
    """One asset: what came in, what it became, what went out, what is owed at the end.

    `received_as` and `paid_from` are the same cash by the other side of its postings.
    `payouts` left contracts to creators, pull balances included; `passed_on` did so through
    splitters at once. `platform_fees` were paid on top by payers, `royalty_fees` taken from what
    subscribers paid. `gas` is what transactions of the payout wallets cost.
    """

    asset: Address
    cash_opening: int
    received: int
    received_as: Mapping[AccountKind, int]
    paid_out: int
    paid_from: Mapping[AccountKind, int]
    cash_closing: int
    earned: Mapping[MoveKind, int]
    payouts: int
    payout_lines: int
    passed_on: int
    refunded: int
    platform_fees: int
    royalty_fees: int
    unallocated: int
    unclaimed: int
    gas: int
    liabilities: Mapping[AccountKind, int]
    creators: Sequence[CreatorTotal]
    days: Sequence[DayTotal]

    @property
    def owed(self) -> int:
        """All liabilities."""
        return sum(self.liabilities.values())


def asset_closes(source: CloseSource) -> list[AssetClose]:
    """The figures of every asset, ascending by asset.

    Raises:
        CloseBroken: the flows do not lead from opening to closing.
    """
    _require_tied(source.flows, source.balances)
    assets = {balance.asset for balance in source.balances}
    return [_close(asset, source) for asset in sorted(assets)]


def discrepancies_at(lines: Iterable[DiscrepancyLine], at: Timestamp) -> list[DiscrepancyLine]:
    """Those that were found before a second and not resolved before it."""
    return [
        line
        for line in lines
        if line.found_at < at and (line.resolved_at is None or line.resolved_at >= at)
    ]


def _require_tied(flows: Iterable[KindFlow], balances: Iterable[KindBalance]) -> None:
    moved: Counter[_Key] = Counter()
    for flow in flows:
        moved[flow.contract, flow.asset, flow.debit] -= flow.amount
        moved[flow.contract, flow.asset, flow.credit] += flow.amount
    changed: Counter[_Key] = Counter()
    for balance in balances:
        sign = -1 if balance.kind.is_debit_normal else 1
        changed[balance.contract, balance.asset, balance.kind] = sign * (
            balance.closing - balance.opening
        )
    for key in moved.keys() | changed.keys():
        if moved[key] != changed[key]:
            contract, asset, kind = key
            raise CloseBroken(
                f"{kind} of {contract} in {asset} moved {moved[key]}, changed {changed[key]}"
            )


def _close(asset: Address, source: CloseSource) -> AssetClose:
    flows = [flow for flow in source.flows if flow.asset == asset]
    balances = [balance for balance in source.balances if balance.asset == asset]
    cash = AccountKind.CASH

    def out_of(*kinds: AccountKind) -> list[KindFlow]:
        return [flow for flow in flows if flow.debit in kinds and flow.credit is cash]

    received, paid = Counter[AccountKind](), Counter[AccountKind]()
    for flow in flows:
        if flow.debit is cash:
            received[flow.credit] += flow.amount
        if flow.credit is cash:
            paid[flow.debit] += flow.amount
    payouts = out_of(AccountKind.PAYABLE, AccountKind.OWED, AccountKind.UNCLAIMED)
    return AssetClose(
        asset=asset,
        cash_opening=sum(one.opening for one in balances if one.kind is cash),
        received=sum(received.values()),
        received_as=received,
        paid_out=sum(paid.values()),
        paid_from=paid,
        cash_closing=sum(one.closing for one in balances if one.kind is cash),
        earned=_earned(flows, source.contracts),
        payouts=sum(flow.amount for flow in payouts),
        payout_lines=sum(flow.postings for flow in payouts),
        passed_on=sum(flow.amount for flow in out_of(AccountKind.EARNED)),
        refunded=sum(flow.amount for flow in out_of(AccountKind.REFUNDED)),
        platform_fees=sum(
            flow.amount for flow in flows if flow.credit is AccountKind.PLATFORM_FEES
        ),
        royalty_fees=sum(
            flow.amount
            for flow in flows
            if (flow.debit, flow.credit) == (AccountKind.FEES, AccountKind.PAYABLE)
        ),
        unallocated=_closing(balances, AccountKind.UNALLOCATED),
        unclaimed=_closing(balances, AccountKind.UNCLAIMED),
        gas=sum(flow.amount for flow in flows if flow.debit is AccountKind.GAS),
        liabilities={kind: owed for kind in OWED if (owed := _closing(balances, kind))},
        creators=[one for one in source.creators if one.asset == asset][:TOP_CREATORS],
        days=[one for one in source.days if one.asset == asset],
    )


def _closing(balances: Iterable[KindBalance], kind: AccountKind) -> int:
    return sum(balance.closing for balance in balances if balance.kind is kind)


def _earned(
    flows: Iterable[KindFlow], contracts: Mapping[Address, ContractName]
) -> dict[MoveKind, int]:
    """What creators earned, by kind; what was taken back again is a negative adjustment."""
    sums: Counter[MoveKind] = Counter()
    for flow in flows:
        is_from, is_to = flow.debit in OF_CREATORS, flow.credit in OF_CREATORS
        debit, credit = Side(kind=flow.debit, is_own=is_from), Side(kind=flow.credit, is_own=is_to)
        kind = move_kind(debit, credit, contracts.get(flow.contract))
        if is_to and not is_from:
            sums[kind] += flow.amount
        elif is_from and not is_to and kind is MoveKind.ADJUSTMENT:
            sums[kind] -= flow.amount
    return {kind: sums[kind] for kind in MoveKind if sums[kind]}
