"""Operations, the transactions that carry them, and what became of them.

Everything here is an intent or an outcome: written once, never changed. The id of an operation
depends on chain, contract and obligation alone, so that planning twice finds the same row; its
content digest says what the obligation is, and other content under the same id is an error.

Source: `contracts.operations` (op-ids), `contracts.calls` (calldata); `obligations` makes them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from contracts.calls import Refusal, SkipReason
from contracts.evm import (
    ZERO_ADDRESS,
    ZERO_HASH,
    Address,
    BlockNumber,
    ChainId,
    Epoch,
    Hash32,
)
from contracts.units import BaseUnits


class Kind(StrEnum):
    """What an operation does."""

    COMMIT = "commit"
    WITHDRAW = "withdraw"
    TIP = "tip"
    PAYOUT = "payout"


@dataclass(frozen=True, slots=True)
class Route:
    """Operations that one transaction may carry: a commit alone, withdrawals, lines of a list."""

    kind: Kind
    contract: Address
    list_id: Hash32
    asset: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSubject:
    """The leaf that a withdrawal pays; `lines` and `proof_nodes` are what its gas depends on.

    `settled` has a bit for each line that was settled when the withdrawal was planned: what it pays
    are the others, or those of them that are not held.
    """

    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address
    amount: BaseUnits
    settled: int
    lines: int
    proof_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSubject:
    """The attempt at an epoch that a commit commits."""

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSubject:
    """Line `index` of a list that `TipRelay` (TIP) or `PayoutBatch` (PAYOUT) owes to one payee."""

    kind: Kind
    list_id: Hash32
    index: int
    payee: Address
    asset: Address
    amount: BaseUnits


Subject = LeafSubject | EpochSubject | LineSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One obligation. `call` is the calldata that settles it alone."""

    op_id: Hash32
    chain_id: ChainId
    contract: Address
    list_id: Hash32
    index: int
    content_digest: Hash32
    call: bytes
    subject: Subject

    @property
    def kind(self) -> Kind:
        """What it does, by subject."""
        match self.subject:
            case LeafSubject():
                return Kind.WITHDRAW
            case EpochSubject():
                return Kind.COMMIT
            case LineSubject():
                return self.subject.kind
            case _:
                assert_never(self.subject)

    @property
    def event_op_id(self) -> Hash32:
        """What the contract's events call it: a withdrawal, also of a remainder, by its leaf."""
        is_remainder = isinstance(self.subject, LeafSubject) and self.subject.settled
        return self.list_id if is_remainder else self.op_id

    @property
    def order(self) -> tuple[int, int, bytes, int, bytes, int]:
        """Sort key: commits by epoch, withdrawals as leaves of a bundle, then lines by list."""
        match self.subject:
            case EpochSubject() as epoch:
                return (0, epoch.epoch, b"", epoch.attempt, b"", 0)
            case LeafSubject() as leaf:
                return (1, leaf.epoch, leaf.work_id, leaf.part, leaf.asset, leaf.settled)
            case LineSubject() as line:
                rank = 2 if line.kind is Kind.TIP else 3
                return (rank, 0, self.contract + line.list_id, 0, line.asset, line.index)
            case _:
                assert_never(self.subject)

    @property
    def route(self) -> Route:
        """What one call can have in common; operations of one route may share a transaction."""
        match self.subject:
            case EpochSubject():
                return Route(self.kind, self.contract, self.op_id, ZERO_ADDRESS)
            case LeafSubject():
                return Route(self.kind, self.contract, ZERO_HASH, ZERO_ADDRESS)
            case LineSubject() as line:
                return Route(self.kind, self.contract, line.list_id, line.asset)
            case _:
                assert_never(self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionDraft:
    """A transaction to be signed (EIP-1559, no value).

    A no-op has the signer itself as recipient and no data: all it does is spend its nonce.
    """

    chain_id: ChainId
    nonce: int
    to: Address
    data: bytes
    gas: int
    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """A transaction that could execute from now on, whether it was sent or not."""

    chain_id: ChainId
    sender: Address
    nonce: int
    tx_hash: Hash32
    raw: bytes
    to: Address
    gas: int
    max_fee_wei: int
    tip_wei: int

    @property
    def is_noop(self) -> bool:
        """Whether it only spends its nonce."""
        return self.to == self.sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One nonce with everything ever signed for it, oldest first; never empty.

    `signed_at` is the number of the head when the newest was signed.
    """

    sender: Address
    nonce: int
    transactions: tuple[SignedTransaction, ...]
    signed_at: BlockNumber

    @property
    def hashes(self) -> tuple[Hash32, ...]:
        """All hashes, oldest first."""
        return tuple(transaction.tx_hash for transaction in self.transactions)

    @property
    def newest(self) -> SignedTransaction:
        """What is sent, again and again, until the nonce is spent."""
        return self.transactions[-1]

    @property
    def is_filler(self) -> bool:
        """Whether it began as a no-op: what else may wait for this nonce is not known to us."""
        return self.transactions[0].is_noop


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Nonces `[first_nonce, next_nonce)` of our key that the chain showed, and we never stored.

    The key was used elsewhere, or what we stored was lost. `block` is the head they were seen at.
    """

    chain_id: ChainId
    sender: Address
    first_nonce: int
    next_nonce: int
    block_number: BlockNumber
    block_hash: Hash32


class Fate(StrEnum):
    """What became of an operation (the first four), or of one nonce signed for it."""

    SETTLED = "settled"  # by our transaction
    SETTLED_ELSEWHERE = "settled_elsewhere"  # anyone may withdraw a leaf, also we before
    SETTLED_UNSEEN = "settled_unseen"  # a nonce of ours is spent, the node shows no receipt for it
    SUPERSEDED = "superseded"  # the attempt was vetoed, or holds another manifest
    REFUSED = "refused"  # our transaction ran, the contract refused this item
    REVERTED = "reverted"  # our transaction reverted as a whole
    DISPLACED = "displaced"  # the nonce is spent by a no-op, or the node shows no receipt of ours


CLOSING_FATES = (Fate.SETTLED, Fate.SETTLED_ELSEWHERE, Fate.SETTLED_UNSEEN, Fate.SUPERSEDED)
"""After one of these nothing is done for the operation any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A fate that was final at `block`. `sender`, `nonce` and `tx_hash` name our part, if any.

    `refusal` is what the contract's event says: of a line why it was skipped.
    """

    op_id: Hash32
    fate: Fate
    refusal: Refusal | SkipReason | None
    sender: Address | None
    nonce: int | None
    tx_hash: Hash32 | None
    block_number: BlockNumber
    block_hash: Hash32

    @property
    def is_closing(self) -> bool:
        """Whether it ends the operation."""
        return self.fate in CLOSING_FATES


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that is stored about one operation; attempts ascending by (sender, nonce).

    `others` are attempts that were signed for other operations of the same leaf: while one of them
    is open, it can still pay what this operation is about.
    """

    operation: Operation
    attempts: tuple[Attempt, ...]
    others: tuple[Attempt, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def closing(self) -> Outcome | None:
        """The outcome that ended it."""
        return next((outcome for outcome in self.outcomes if outcome.is_closing), None)
