"""What the books say when they are asked: balances and what follows from them.

Balances are sums over postings. Totals that are drawn now and then only save time, and are checked
against the postings by whoever verifies the books.
Pending amounts are those of open reservations, and are in no posted sum.
"""

from dataclasses import dataclass

from contracts.evm import Address, Epoch, Hash32, Timestamp
from contracts.leaves import SplitLine
from settlement.ledger.accounts import Account, AccountKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Balance of one account in one asset.

    `posted` is on the account's normal side. `pending` is what open reservations would move out of
    a payable account, or into `in_transit`; it is still contained in the posted balance.
    """

    account: Account
    asset: Address
    posted: int
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayableLeaf:
    """A leaf with a posted balance: the only thing that a payout may be planned from.

    `settled` has a bit for each settled line, `open_lines` are all others.
    """

    op_id: Hash32
    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address
    settled: int
    open_lines: tuple[SplitLine, ...]
    is_reserved: bool

    @property
    def outstanding(self) -> int:
        """What its open lines sum to."""
        return sum(line.amount for line in self.open_lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayableLine:
    """A line with a posted balance; `payers` is who tipped, or nobody for a document's line."""

    op_id: Hash32
    list_id: Hash32
    index: int
    payee: Address
    asset: Address
    amount: int
    entry_id: Hash32
    owed_since: Timestamp
    payers: tuple[Address, ...]
    is_reserved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafLines:
    """Which lines of a leaf the books know as settled: bit i for line i."""

    op_id: Hash32
    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address
    settled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """All that was ever posted from accounts of one kind to another, for one epoch and asset."""

    epoch: Epoch
    asset: Address
    debit: AccountKind
    credit: AccountKind
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalanceLine:
    """Totals of both sides of all accounts of one kind, in one asset."""

    kind: AccountKind
    asset: Address
    debits: int
    credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingCommitment:
    """The commitment of an epoch that is not vetoed."""

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32


@dataclass(frozen=True, slots=True)
class JournalKey:
    """Place in the journal: entries are listed by chain time, then id."""

    effective_at: Timestamp
    entry_id: Hash32
