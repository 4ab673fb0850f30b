"""Events of `EpochPayouts` that move or reserve money, one record per event.

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
    """One call settled open lines of a leaf; its line events carry the same `op_id`."""

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


MoneyEvent = (
    EpochFunded
    | EpochCommitted
    | EpochVetoed
    | LeafWithdrawn
    | PayeePaid
    | PayeeUnclaimed
    | UnclaimedWithdrawn
)
