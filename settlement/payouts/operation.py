"""Operations, the transactions that carry them, and what became of them.

Everything here is an intent or an outcome: written once, never changed. The id of an operation
depends on chain, contract and obligation alone, so that planning twice finds the same row; its
content digest says what the obligation is, and other content under the same id is an error.

Source: `contracts.operations` (op-ids), `contracts.calls` (calldata).
"""

from dataclasses import dataclass
from enum import StrEnum

from eth_abi.abi import encode

from contracts.approvals import Approval
from contracts.calls import (
    GuardianSignature,
    Refusal,
    Withdrawal,
    commit_epoch_call,
    withdraw_call,
)
from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32, keccak
from contracts.leaves import leaf_hash
from contracts.operations import (
    commit_operation_id,
    leaf_index,
    leaf_list_id,
    withdraw_operation_id,
)
from contracts.units import BaseUnits


class Kind(StrEnum):
    """What an operation does."""

    COMMIT = "commit"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafSubject:
    """The leaf that a withdrawal pays; `lines` and `proof_nodes` are what its gas depends on."""

    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address
    amount: BaseUnits
    lines: int
    proof_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSubject:
    """The attempt at an epoch that a commit commits."""

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32


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
    subject: LeafSubject | EpochSubject

    @property
    def kind(self) -> Kind:
        """Commit or withdraw, by subject."""
        return Kind.WITHDRAW if isinstance(self.subject, LeafSubject) else Kind.COMMIT

    @property
    def order(self) -> tuple[int, int, bytes, int, bytes]:
        """Sort key: commits by epoch, then withdrawals as leaves of a bundle are ordered."""
        if isinstance(self.subject, EpochSubject):
            return (0, self.subject.epoch, b"", self.subject.attempt, b"")
        leaf = self.subject
        return (1, leaf.epoch, leaf.work_id, leaf.part, leaf.asset)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionDraft:
    """A transaction to be signed (EIP-1559, no value)."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One nonce with everything ever signed for it, oldest first; never empty."""

    sender: Address
    nonce: int
    transactions: tuple[SignedTransaction, ...]

    @property
    def hashes(self) -> tuple[Hash32, ...]:
        """All hashes, oldest first."""
        return tuple(transaction.tx_hash for transaction in self.transactions)


class Fate(StrEnum):
    """What became of an operation (the first four), or of one nonce signed for it."""

    SETTLED = "settled"  # by our transaction
    SETTLED_ELSEWHERE = "settled_elsewhere"  # anyone may withdraw a leaf
    SETTLED_UNSEEN = "settled_unseen"  # a nonce of ours is spent, the node shows no receipt for it
    SUPERSEDED = "superseded"  # the attempt was vetoed, or holds another manifest
    REFUSED = "refused"  # our transaction ran, the contract refused this item
    REVERTED = "reverted"  # our transaction reverted as a whole
    DISPLACED = "displaced"  # the nonce is spent, the node shows no receipt of ours


CLOSING_FATES = (Fate.SETTLED, Fate.SETTLED_ELSEWHERE, Fate.SETTLED_UNSEEN, Fate.SUPERSEDED)
"""After one of these nothing is done for the operation any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A fate that was final at `block`. `sender`, `nonce` and `tx_hash` name our part, if any."""

    op_id: Hash32
    fate: Fate
    refusal: Refusal | None
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
    """All that is stored about one operation; attempts ascending by (sender, nonce)."""

    operation: Operation
    attempts: tuple[Attempt, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def closing(self) -> Outcome | None:
        """The outcome that ended it."""
        return next((outcome for outcome in self.outcomes if outcome.is_closing), None)


def withdraw_operation(
    withdrawal: Withdrawal, *, chain_id: ChainId, contract: Address
) -> Operation:
    """The operation that pays one leaf; its content is the leaf hash."""
    leaf = withdrawal.leaf
    op_id = withdraw_operation_id(
        leaf.epoch, leaf.work_id, leaf.part, leaf.asset, chain_id=chain_id, contract=contract
    )
    return Operation(
        op_id=op_id,
        chain_id=chain_id,
        contract=contract,
        list_id=leaf_list_id(leaf.epoch),
        index=leaf_index(leaf.work_id, leaf.part, leaf.asset),
        content_digest=leaf_hash(leaf, chain_id=chain_id, contract=contract),
        call=withdraw_call(withdrawal),
        subject=LeafSubject(
            epoch=leaf.epoch,
            work_id=leaf.work_id,
            part=leaf.part,
            asset=leaf.asset,
            amount=leaf.amount,
            lines=len(leaf.lines),
            proof_nodes=len(withdrawal.proof),
        ),
    )


def commit_operation(
    approval: Approval,
    signatures: tuple[GuardianSignature, ...],
    *,
    chain_id: ChainId,
    contract: Address,
) -> Operation:
    """The operation that commits one attempt at an epoch.

    Its content is what the chain will hold: manifest, root and totals. Deadline, guardian set and
    signatures are not part of it: a lapsed approval is given again for the same content.
    """
    totals = [line.words() for line in approval.totals]
    content = encode(
        ("bytes32", "bytes32", "(address,uint256,uint256,uint256,uint256,uint256,uint256)[]"),
        (bytes(approval.manifest_digest), bytes(approval.root), totals),
    )
    return Operation(
        op_id=commit_operation_id(
            approval.epoch, approval.attempt, chain_id=chain_id, contract=contract
        ),
        chain_id=chain_id,
        contract=contract,
        list_id=leaf_list_id(approval.epoch),
        index=approval.attempt,
        content_digest=keccak(content),
        call=commit_epoch_call(approval, signatures),
        subject=EpochSubject(
            epoch=approval.epoch,
            attempt=approval.attempt,
            manifest_digest=approval.manifest_digest,
        ),
    )
