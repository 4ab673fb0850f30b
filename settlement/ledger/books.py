"""What posting needs: the facts, the computed distributions, and the books themselves."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from contracts.evm import BlockNumber, BlockRef, Epoch, Hash32, LogRef, Timestamp
from contracts.leaves import Leaf
from contracts.money_events import MoneyEvent
from settlement.ledger.accounts import AssetAccount, Book
from settlement.ledger.commitments import Commitment, CommitmentOutcome, Distribution
from settlement.ledger.journal import JournalEntry
from settlement.ledger.manual import StandingManuals


class SteppedFacts(Protocol):
    """Blocks with their facts, as far as they are final; blocks are whole and in chain order."""

    def finalized(self) -> BlockRef | None:
        """The newest finalized block."""
        ...

    def block(self, number: BlockNumber) -> BlockRef | None:
        """A block by number."""
        ...

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        """The highest block with an earlier timestamp, not above `upto`."""
        ...


class MoneyFacts(SteppedFacts, Protocol):
    """Finalized facts of one settlement."""

    def money_events(self, after: BlockNumber, upto: BlockRef) -> list[MoneyEvent]:
        """Events of blocks (after, upto], in chain order."""
        ...


class CommittedLeaves(Protocol):
    """Distributions that we computed ourselves."""

    def distribution(self, epoch: Epoch, manifest_digest: Hash32) -> Distribution | None:
        """The distribution of an epoch with this manifest; None if we never computed it."""
        ...

    def has_computed(self, epoch: Epoch, attempt: int) -> bool:
        """Whether we computed this attempt at the epoch, or a later one."""
        ...


class PostingBooks(Protocol):
    """One book, in one database transaction, as far as every posting needs it."""

    @property
    def book(self) -> Book:
        """Whose books they are."""
        ...

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        ...

    def version(self) -> int:
        """How often the books were taken back and begun again; ask after `lock`.

        Everything else is of this version; balances of the others are zero.
        """
        ...

    def cursor(self) -> BlockRef | None:
        """The block up to which events are posted; None before the first step."""
        ...

    def advance(self, to: BlockRef) -> None:
        """Move the cursor."""
        ...

    def record(self, entries: Sequence[JournalEntry]) -> int:
        """Insert entries, or verify that they are stored as they are; the number of new ones."""
        ...

    def posted_balances(self, accounts: Collection[AssetAccount]) -> dict[AssetAccount, int]:
        """Posted balances on the accounts' normal sides, where anything was posted."""
        ...


class Books(PostingBooks, StandingManuals, Protocol):
    """The books of one settlement, in one database transaction."""

    def add_commitment(self, commitment: Commitment) -> None:
        """Insert or verify; its entry must be recorded."""
        ...

    def commitment(self, epoch: Epoch, attempt: int) -> Commitment | None:
        """A commitment, open or not."""
        ...

    def open_commitment(self) -> Commitment | None:
        """The commitment that is neither activated nor vetoed."""
        ...

    def close_commitment(self, commitment: Commitment, outcome: CommitmentOutcome) -> None:
        """Insert or verify how a commitment ended."""
        ...

    def add_leaves(self, leaves: Mapping[Hash32, tuple[Leaf, JournalEntry]]) -> None:
        """Insert or verify leaves with their activating entries, by op-id."""
        ...

    def leaves(self, op_ids: Collection[Hash32]) -> dict[Hash32, Leaf]:
        """Leaves of active epochs by op-id, as far as they are known."""
        ...

    def post_reservations(self, settled: Mapping[Hash32, LogRef]) -> None:
        """End the open reservations of these op-ids as posted."""
        ...
