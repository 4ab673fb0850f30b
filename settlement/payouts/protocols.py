"""What the submitter needs from the outside, as narrow Protocols.

`PayableLeaves`, `PayableLines` and `ApprovedCommits` are served by royalties and the ledger,
`Finality` by the indexer; the rest by the adapters of this package. Reads of the chain name their
block: `at` is sent as a hash, and a node that does not have that block must fail, not answer for
another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.approvals import Approval
from contracts.calls import GuardianSignature, Withdrawal
from contracts.evm import Address, BlockNumber, BlockRef, Hash32
from settlement.payouts.broadcast import SendResult
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import (
    Adoption,
    Attempt,
    History,
    LineSubject,
    Operation,
    Outcome,
    SignedTransaction,
    TransactionDraft,
)
from settlement.payouts.signing_policy import Refusal
from settlement.payouts.view import Backing, Fund, Objection, Receipt, Usage


@dataclass(frozen=True, slots=True)
class ApprovedCommit:
    """An epoch that a quorum approved and that is not committed yet."""

    approval: Approval
    signatures: tuple[GuardianSignature, ...]


@dataclass(frozen=True, slots=True)
class OwedLeaf:
    """A leaf that the books owe, or the remainder of one: `settled` has a bit per settled line."""

    withdrawal: Withdrawal
    settled: int


class PayableLeaves(Protocol):
    """Leaves that the books owe."""

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[OwedLeaf]:
        """Leaves of active epochs with posted entries that are open and not reserved, ascending.

        Left out are works under verdict at `at`, leaves whose open lines are all held then, and
        escrow, which is nobody's to withdraw.
        """
        ...


class PayableLines(Protocol):
    """Lines of lists that the books of one relay, or of one payout batch, owe."""

    @property
    def contract(self) -> Address:
        """What pays them."""
        ...

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[LineSubject]:
        """Lines with posted entries that are open and not reserved, ascending by list and index.

        A line whose payee is held is among them: it is planned, and waits.
        """
        ...


class ApprovedCommits(Protocol):
    """Epochs that may be committed."""

    def approved(self, at: BlockRef) -> Sequence[ApprovedCommit]:
        """Approvals with a quorum of signatures that are in order and not committed at `at`."""
        ...


class Finality(Protocol):
    """The finalized block of the chain; it never moves back."""

    def finalized(self) -> BlockRef | None:
        """The finalized block; None while none is known."""
        ...


class PayoutChain(Protocol):
    """One chain and the contracts that pay, as one node shows them.

    Every method may raise `ChainUnavailable`; `send_raw` never raises.
    """

    def head(self) -> BlockRef:
        """The newest block of the node."""
        ...

    def paused(self, contracts: Collection[Address], at: BlockRef) -> frozenset[Address]:
        """Those of the contracts that are paused."""
        ...

    def nonce_count(self, sender: Address, at: BlockRef) -> int:
        """Transactions of `sender` up to the block: every lower nonce is spent."""
        ...

    def pending_count(self, sender: Address) -> int:
        """Transactions of `sender` up to the head, and on with what waits in the node's pool now.

        The pool counts as far as it goes on without a gap.
        """
        ...

    def usages(self, operations: Sequence[Operation], at: BlockRef) -> list[Usage]:
        """What its contract says of each operation, in order."""
        ...

    def receipts(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Receipt]:
        """The receipts that the node shows now."""
        ...

    def known(self, hashes: Sequence[Hash32]) -> frozenset[Hash32]:
        """Those of `hashes` that the node has now, mined or waiting."""
        ...

    def objections(
        self, operations: Sequence[Operation], *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        """Why each would not be paid after block `at`, in order; None where it would."""
        ...

    def estimate_gas(
        self, contract: Address, call: bytes, *, sender: Address, at: BlockRef
    ) -> int | Objection:
        """Gas that the call needs after block `at`."""
        ...

    def fees(self, at: BlockRef) -> FeeQuote:
        """Base fee of the block, and the tip that the node suggests."""
        ...

    def balance(self, sender: Address, at: BlockRef) -> int:
        """Money of `sender` for gas, in wei."""
        ...

    def backing(self, funds: Sequence[Fund], at: BlockRef) -> list[Backing | Objection]:
        """What each contract holds of the asset, and how much of it is accounted for.

        An objection where the asset is none: nothing that tells a balance stands there.
        """
        ...

    def data_fee(self, data: bytes, at: BlockRef) -> int:
        """Wei that the chain takes for publishing a transaction, besides its gas; mostly 0."""
        ...

    def send_raw(self, raw: bytes) -> SendResult:
        """Broadcast; no answer and every error are results."""
        ...


class Signer(Protocol):
    """Holder of one key: in the process, in a key service, or behind a service of its own."""

    @property
    def address(self) -> Address:
        """The sender of everything it signs."""
        ...

    def sign(self, draft: TransactionDraft) -> SignedTransaction:
        """Sign exactly this draft.

        A key in the process gives the same bytes for the same draft; one outside may not, so what
        is stored is what was returned, and another answer for the same nonce is another version.
        """
        ...


class GuardedKey(Signer, Protocol):
    """A signer behind a policy, which says beforehand what it would not sign."""

    def refusal(self, draft: TransactionDraft) -> Refusal | None:
        """Why it would not sign `draft` now; None if it would ask the key."""
        ...


class PayoutStore(Protocol):
    """Intents and outcomes of the contracts that one key pays from, held by the key's owner.

    Every method is one database transaction, committed when it returns.
    """

    def plan(self, operations: Sequence[Operation]) -> int:
        """Insert operations with their reservations, or verify them; returns how many are new.

        Raises:
            OperationConflict: an op-id is stored with other content.
        """
        ...

    def open_count(self) -> int:
        """How many operations are not closed."""
        ...

    def open_histories(self) -> list[History]:
        """All operations that are not closed."""
        ...

    def open_attempts(self, sender: Address, *, first_nonce: int) -> list[Attempt]:
        """All that was signed for nonces from `first_nonce` on, ascending."""
        ...

    def next_nonce(self, sender: Address) -> int | None:
        """One above the highest nonce that is stored or adopted; None if there is none."""
        ...

    def adopt(self, adoption: Adoption) -> None:
        """Take nonces that the chain showed and that are not stored.

        Raises:
            NonceTaken: the first is below the next one.
        """
        ...

    def adopted_at(self, sender: Address, nonce: int) -> BlockNumber | None:
        """The head's number when a nonce was adopted; None if it was not."""
        ...

    def add_transaction(
        self, transaction: SignedTransaction, op_ids: Sequence[Hash32], *, head: BlockNumber
    ) -> None:
        """Store a signed transaction with a new nonce, what it carries, and the head's number.

        Raises:
            NonceTaken: the nonce is not the next one.
        """
        ...

    def add_version(self, transaction: SignedTransaction, *, head: BlockNumber) -> None:
        """Store another transaction for a nonce that is taken already.

        Raises:
            NonceTaken: the nonce is not below the next one.
        """
        ...

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Append outcomes."""
        ...


class Histories(Protocol):
    """Read access for anybody."""

    def history(self, op_id: Hash32) -> History | None:
        """All that is stored about one operation."""
        ...
