"""What the chain shows about operations, at one finalized block and now.

Two kinds of statement that must not be mixed: `Usage` and `ChainView.spent` are read at one
finalized block, by its hash, and never change again; receipts and the mempool are as the node shows
them now, may vanish in a reorg, and may be missing or wrong because a node is behind or lies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from contracts.calls import EpochState, EpochStatus, Refusal, SkipReason
from contracts.evm import Address, BlockNumber, BlockRef, Hash32
from settlement.errors import UnknownLines
from settlement.payouts.operation import Attempt, EpochSubject, Kind, LeafSubject


class Usage(StrEnum):
    """What the contract says about an operation at the finalized block.

    A withdrawal is unused while exactly those lines are settled that were settled when it was
    planned, and settled as soon as there are more: of all operations of one leaf, at most one is
    unused. It is early if there are fewer, which takes a finalized block that was replaced. A line
    of a list is one bit: unset is unused, set is settled.
    """

    UNUSED = "unused"
    EARLY = "early"
    SETTLED = "settled"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt as the node shows it now; it may be gone after a reorg.

    `settled` are the op-ids that the transaction settled, `refused` those that it refused or
    skipped, both as the contracts' events name them.
    """

    tx_hash: Hash32
    block_number: BlockNumber
    block_hash: Hash32
    is_success: bool
    settled: frozenset[Hash32]
    refused: Mapping[Hash32, Refusal | SkipReason]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """One look at the chain.

    `spent` is the transaction count of each sender at `finalized`: nonces below it are spent.
    `receipts` and `known` (hashes that the node has, mined or not) are as of now, and may lie.
    """

    finalized: BlockRef
    spent: Mapping[Address, int]
    receipts: Mapping[Hash32, Receipt]
    known: frozenset[Hash32]

    def is_open(self, attempt: Attempt) -> bool:
        """Whether anything signed for this nonce could still execute."""
        return attempt.nonce >= self.spent[attempt.sender]

    def receipt(self, attempt: Attempt) -> Receipt | None:
        """The receipt of whichever hash of this nonce was mined."""
        found = (self.receipts.get(tx_hash) for tx_hash in attempt.hashes)
        return next((receipt for receipt in found if receipt is not None), None)

    def final_receipt(self, attempt: Attempt) -> Receipt | None:
        """The same, if the nonce is spent and the receipt is not above the finalized block."""
        receipt = self.receipt(attempt)
        if receipt is None or self.is_open(attempt):
            return None
        return receipt if receipt.block_number <= self.finalized.number else None


class OwnCheck(StrEnum):
    """Which check of ours holds an operation back, though the contract might pay it."""

    POLICY = "policy"
    RECONCILIATION = "reconciliation"
    SIGNING_POLICY = "signing_policy"
    FLOAT = "float"
    BACKING = "backing"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an operation would not be paid now: the contract's own reason, else revert data.

    `check` is set where the objection is ours and not the contract's.
    """

    refusal: Refusal | SkipReason | None
    reason: str
    check: OwnCheck | None = None


@dataclass(frozen=True, slots=True)
class Fund:
    """Money of one asset that a contract pays operations of one kind from."""

    kind: Kind
    contract: Address
    asset: Address


@dataclass(frozen=True, slots=True)
class Backing:
    """What a contract holds of an asset, and how much of that is somebody's already.

    All that `EpochPayouts` and `TipRelay` owe is accounted for; of `PayoutBatch` it is what is
    unclaimed, and the rest is the float that lines are paid from.
    """

    held: int
    accounted: int

    @property
    def shortfall(self) -> int:
        """What is missing; nothing should ever be."""
        return max(self.accounted - self.held, 0)

    @property
    def float_units(self) -> int:
        """What nobody has a claim to."""
        return max(self.held - self.accounted, 0)


def leaf_usage(op_id: Hash32, subject: LeafSubject, paid_lines: int) -> Usage:
    """Read `paidLines`; lines that a withdrawal left open, because they were held, are not its own.

    Raises:
        UnknownLines: a line is settled that the leaf does not have.
    """
    if paid_lines >> subject.lines:
        raise UnknownLines(op_id, paid_lines=paid_lines, lines=subject.lines)
    if paid_lines == subject.settled:
        return Usage.UNUSED
    return Usage.EARLY if subject.settled & ~paid_lines else Usage.SETTLED


def commit_usage(subject: EpochSubject, state: EpochState) -> Usage:
    """Read `epochOf`: a later attempt means that ours was committed and vetoed."""
    if state.attempt > subject.attempt:
        return Usage.SUPERSEDED
    if state.attempt < subject.attempt or state.status is EpochStatus.NONE:
        return Usage.UNUSED
    is_ours = state.manifest_digest == subject.manifest_digest
    return Usage.SETTLED if is_ours else Usage.SUPERSEDED


def line_usage(word: int, bit: int) -> Usage:
    """Read one line in a word of `settledLines`."""
    return Usage.SETTLED if word >> bit & 1 else Usage.UNUSED
