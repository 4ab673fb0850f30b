"""Events of `EpochPayouts` that move, hold or reserve money, one record per event.

These are the facts that the books are made of. They come one at a time and in small numbers, so
they are records and not columns. Field names are the column names of `events.py`.

Mirrors the events of `src/settlement/IEpochPayouts.sol`.
"""

from dataclasses import dataclass

from contracts.approvals import AssetTotals
from contracts.evm import Address, Epoch, Hash32, LogRef, Timestamp
from contracts.units import BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFunded:
    """Money came in for one epoch; `amount` is what was received, by balance difference."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    epoch: Epoch
    asset: Address
    source: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCommitted:
    """An approved distribution was committed; nothing of it is payable before `active_at`.

    `totals` are ascending by asset, one per asset that was paid in.
    """

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32
    active_at: Timestamp
    guardian_set: int
    signers: tuple[Address, ...]
    totals: tuple[AssetTotals, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochVetoed:
    """A commitment was undone inside its veto window; `attempt` is the one that was vetoed."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    epoch: Epoch
    attempt: int
    by: Address
    reason_digest: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafWithdrawn:
    """One call settled open lines of a leaf; its line events carry the same `op_id`.

    Lines that were held stay open, so a leaf can have several of these. `amount` is what this call
    settled.
    """

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeePaid:
    """One line of a leaf reached its payee; `op_id` names the leaf."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    payee: Address
    asset: Address
    amount: BaseUnits
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeUnclaimed:
    """One line of a leaf was refused by payee or token, and became a pull balance."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    payee: Address
    asset: Address
    amount: BaseUnits
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclaimedWithdrawn:
    """A pull balance left the contract, to `to`."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    payee: Address
    asset: Address
    to: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeHeld:
    """A withdrawal left out one line, because a hold stands against its payee; it stays owed."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    payee: Address
    asset: Address
    amount: BaseUnits
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowReleased:
    """An escrow or suspense leaf became a pull balance of its beneficiary, as a whole."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    epoch: Epoch
    escrow_id: Hash32
    asset: Address
    beneficiary: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowExpired:
    """An escrow or suspense leaf that nobody came for is unallocated money now, as a whole."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    epoch: Epoch
    escrow_id: Hash32
    asset: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class UnallocatedTransferred:
    """Unallocated money of an epoch left the contract, by an announced transfer."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    transfer_id: Hash32
    epoch: Epoch
    asset: Address
    to: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeHoldPlaced:
    """From this block on, and while block timestamps are below `expires_at`, a payee is held."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    account: Address
    reason_digest: Hash32
    expires_at: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeHoldLifted:
    """The hold that stood against a payee is over before its time."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    account: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class UnallocatedTransferAnnounced:
    """A transfer of unallocated money was announced; until it ends, the amount is reserved."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    transfer_id: Hash32
    epoch: Epoch
    asset: Address
    to: Address
    amount: BaseUnits
    applicable_at: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class UnallocatedTransferCancelled:
    """An announced transfer was called off; nothing moved."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    transfer_id: Hash32
    by: Address


MoneyEvent = (
    EpochFunded
    | EpochCommitted
    | EpochVetoed
    | LeafWithdrawn
    | PayeePaid
    | PayeeUnclaimed
    | PayeeHeld
    | UnclaimedWithdrawn
    | EscrowReleased
    | EscrowExpired
    | UnallocatedTransferred
)
"""What the books are posted from."""

HoldEvent = PayeeHoldPlaced | PayeeHoldLifted
"""What says which payees are held at a block; no money moves."""

TransferEvent = UnallocatedTransferAnnounced | UnallocatedTransferCancelled | UnallocatedTransferred
"""What says which transfers of unallocated money stand announced."""
