"""What the chain and the books say at one block, in comparable terms.

Amounts are base units. A key that is absent from a mapping means zero there: contract storage
knows no other "nothing", and a check compares the keys of both sides.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, Epoch, Hash32

EpochAsset = tuple[Epoch, Address]
PayeeAsset = tuple[Address, Address]


@dataclass(frozen=True, slots=True, order=True)
class LeafKey:
    """A leaf by its place in the contract's paid flags."""

    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address

    @property
    def subject(self) -> str:
        """Its name in a discrepancy."""
        return f"{self.epoch}/{self.work_id}/{self.part}/{self.asset}"


@dataclass(frozen=True, slots=True)
class Committed:
    """What stands committed for an epoch."""

    manifest_digest: Hash32
    root: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLine:
    """Totals of both sides of one kind of account in one asset."""

    asset: Address
    debits: int
    credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSnapshot:
    """The books at their cursor, and the facts that payouts are planned with.

    `paid_in` is all that was ever paid for an epoch. `remaining` is what the leaves of an epoch
    are still owed, active or not, fees too; `escrowed` what is in escrow, also in suspense.
    `announced` is the part of `unallocated` that is about to leave. `paid_lines` has a bit for each
    settled line. `holds` says until when each payee is held, of those that ever were; 0 if none
    stands. `overdrawn` lists accounts below zero. `computed_roots` are the roots that we computed,
    by manifest digest.
    """

    block: BlockRef
    cash: Mapping[Address, int]
    owed: Mapping[Address, int]
    paid_in: Mapping[EpochAsset, int]
    remaining: Mapping[EpochAsset, int]
    escrowed: Mapping[EpochAsset, int]
    unallocated: Mapping[EpochAsset, int]
    announced: Mapping[EpochAsset, int]
    unclaimed: Mapping[PayeeAsset, int]
    paid_lines: Mapping[LeafKey, int]
    holds: Mapping[Address, int]
    committed: Mapping[Epoch, Committed]
    computed_roots: Mapping[Hash32, Hash32]
    trial_balance: tuple[TrialLine, ...]
    overdrawn: Mapping[tuple[str, Address], int]

    def questions(self) -> "Questions":
        """What the chain must be asked, beyond what it knows of by itself."""
        assets = {asset for _, asset in (*self.paid_in, *self.remaining, *self.unclaimed)}
        return Questions(
            epochs=frozenset(epoch for epoch, _ in self.paid_in) | frozenset(self.committed),
            assets=frozenset(assets | self.cash.keys() | self.owed.keys()),
            unclaimed=tuple(sorted(self.unclaimed)),
            leaves=tuple(sorted(self.paid_lines)),
            held=tuple(sorted(self.holds)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What the books know of; the chain adds every epoch of its clock and every funded asset."""

    epochs: frozenset[Epoch]
    assets: frozenset[Address]
    unclaimed: tuple[PayeeAsset, ...]
    leaves: tuple[LeafKey, ...]
    held: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSnapshot:
    """`EpochPayouts` and its tokens, as every call answered at one block hash."""

    block: BlockRef
    balances: Mapping[Address, int]
    accounted: Mapping[Address, int]
    paid_in: Mapping[EpochAsset, int]
    remaining: Mapping[EpochAsset, int]
    escrowed: Mapping[EpochAsset, int]
    unallocated: Mapping[EpochAsset, int]
    announced: Mapping[EpochAsset, int]
    unclaimed: Mapping[PayeeAsset, int]
    paid_lines: Mapping[LeafKey, int]
    holds: Mapping[Address, int]
    committed: Mapping[Epoch, Committed]
