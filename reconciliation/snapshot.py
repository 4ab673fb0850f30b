"""What the chain says at one block, twice: as its logs add up, and as its state answers.

Amounts are base units. A key that is absent from a mapping means zero there: contract storage
knows no other "nothing", and a check compares the keys of both sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, Epoch, Hash32, Timestamp
from reconciliation.movements import LeafPlace
from reconciliation.reading import Reading

EpochAsset = tuple[Epoch, Address]
PayeeAsset = tuple[Address, Address]


@dataclass(frozen=True, slots=True)
class Committed:
    """What stands committed for an epoch."""

    manifest_digest: Hash32
    root: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A commitment that was not vetoed, from its event."""

    manifest_digest: Hash32
    root: Hash32
    active_at: Timestamp
    transaction_hash: Hash32
    block_number: int
    block_hash: Hash32
    log_index: int

    @property
    def committed(self) -> Committed:
        """What of it stands in the contract."""
        return Committed(self.manifest_digest, self.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """`EpochPayouts` as its logs, and nothing else, add up to it.

    `paid_in` is all that was ever paid for an epoch. `remaining` is what the leaves of an epoch
    are still owed, active or not, fees too; `escrowed` what is in escrow, also in suspense.
    `announced` is the part of `unallocated` that is about to leave. `paid_lines` has a bit for each
    settled line of a leaf of which anything was settled lately; `settled_escrow` are escrow leaves
    that are over. `holds` says until when each payee is
    held, of those that ever were; 0 if none stands. `unclaimed_since` is when a pull balance last
    began.
    """

    block: BlockRef
    cash: Mapping[Address, int]
    paid_in: Mapping[EpochAsset, int]
    remaining: Mapping[EpochAsset, int]
    escrowed: Mapping[EpochAsset, int]
    unallocated: Mapping[EpochAsset, int]
    announced: Mapping[EpochAsset, int]
    unclaimed: Mapping[PayeeAsset, int]
    unclaimed_since: Mapping[PayeeAsset, Timestamp]
    paid_lines: Mapping[LeafPlace, int]
    settled_escrow: frozenset[LeafPlace]
    holds: Mapping[Address, int]
    commitments: Mapping[Epoch, Commitment]

    def questions(self) -> "Questions":
        """What the state must be asked, beyond what it knows of by itself."""
        assets = {asset for _, asset in (*self.paid_in, *self.remaining, *self.unclaimed)}
        return Questions(
            epochs=frozenset(epoch for epoch, _ in self.paid_in) | frozenset(self.commitments),
            assets=frozenset(assets | self.cash.keys()),
            unclaimed=tuple(sorted(self.unclaimed)),
            leaves=tuple(sorted(self.paid_lines)),
            held=tuple(sorted(self.holds)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What the logs know of; the chain adds every epoch of its clock and every funded asset."""

    epochs: frozenset[Epoch]
    assets: frozenset[Address]
    unclaimed: tuple[PayeeAsset, ...]
    leaves: tuple[LeafPlace, ...]
    held: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """`EpochPayouts` and its tokens, as every call answered at one block hash.

    `balances` are readings, proven from the state root where the node gives the proof.
    `escrow_expiry_s` is how long escrow waits, from the activation of its epoch.
    """

    block: BlockRef
    balances: Mapping[Address, Reading]
    accounted: Mapping[Address, int]
    paid_in: Mapping[EpochAsset, int]
    remaining: Mapping[EpochAsset, int]
    escrowed: Mapping[EpochAsset, int]
    unallocated: Mapping[EpochAsset, int]
    announced: Mapping[EpochAsset, int]
    unclaimed: Mapping[PayeeAsset, int]
    paid_lines: Mapping[LeafPlace, int]
    holds: Mapping[Address, int]
    committed: Mapping[Epoch, Committed]
    escrow_expiry_s: int
