"""What the use case needs from the outside, as narrow Protocols.

`PaymentFacts` is served by the indexer through the composition root, the others by the adapters of
this room. A view of facts is one snapshot: all its answers are about the same chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from settlement.payments.evidence import Heights, Source, TransactionSeen
from settlement.payments.intent import PaymentIntent
from settlement.payments.naming import Place
from settlement.payments.policies import Outcome
from settlement.payments.rulebook import LogPlace, Rulebook
from settlement.payments.states import State
from settlement.payments.watching import Moment, NextLook, OrderEvent

LATE_REASON = "an event names the order after the wait had ended"


class PaymentFacts(Protocol):
    """The index, at one moment."""

    def heights(self) -> Heights | None:
        """How far the index is, without a safe block; None while it is empty."""
        ...

    def block(self, number: BlockNumber) -> BlockRef | None:
        """The indexed block of this height."""
        ...

    def block_hashes(self, numbers: Sequence[BlockNumber]) -> dict[BlockNumber, Hash32]:
        """The hashes of the indexed blocks among these heights."""
        ...

    def transactions_of(self, intent: PaymentIntent) -> Sequence[Hash32]:
        """Transactions whose events name the intent's order, oldest first; some, if many do."""
        ...

    def blocks_of(self, intent: PaymentIntent, tx_hash: Hash32) -> Sequence[BlockNumber]:
        """Blocks in which events of the transaction name the intent's order."""
        ...

    def blocks_moved_in(self, intent: PaymentIntent, tx_hash: Hash32) -> Sequence[BlockNumber]:
        """Blocks of the intent's time, and up to `LATE_S` later, in which it moved tokens.

        No index finds a transaction's own transfers, so all of that time are read.
        """
        ...

    def order_events(self, after: LogPlace, limit: int) -> Sequence[OrderEvent]:
        """Events that name orders, after a place of the chain, in order."""
        ...

    def transaction(self, tx_hash: Hash32, number: BlockNumber) -> TransactionSeen | None:
        """The logs that we hold of a transaction in that block; None if we hold none."""
        ...

    def rulebook(self, intent: PaymentIntent) -> Rulebook:
        """What was ever in force for payments of this intent, up to the head of the index."""
        ...

    def refunded_in(self, intent: PaymentIntent, payer: Address) -> BlockNumber | None:
        """The block in which the contract gave this payer's payment of the order back."""
        ...

    def is_given_up(self, ticket_id: int, payer: Address) -> bool:
        """Whether a ticket was redeemed, or is somebody else's than the payer's."""
        ...


class PaymentNode(Protocol):
    """A node, for when the index is behind.

    Every method raises `ChainUnavailable` if the node does not answer.
    """

    def heights(self) -> Heights:
        """How far the node is."""
        ...

    def transaction(self, tx_hash: Hash32) -> TransactionSeen | None:
        """The receipt of a transaction; None while no block has it."""
        ...

    def rulebook_after(
        self, intent: PaymentIntent, after: BlockNumber, upto: BlockNumber
    ) -> Rulebook:
        """Terms and prices that were set in blocks (after, upto]; no contracts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVerdict:
    """One line of the history of a submission.

    The block is the one that the transaction was seen in; of one that is gone, the last such.
    """

    intent_id: Hash32
    transaction_hash: Hash32
    state: State
    is_terminal: bool
    outcome: Outcome | None
    failed: tuple[str, ...]
    source: Source | None
    block_number: BlockNumber | None
    block_hash: Hash32 | None
    log_index: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction that is said to pay an intent."""

    intent_id: Hash32
    transaction_hash: Hash32


class PaymentStore(Protocol):
    """Intents, submissions, claims and the history of verdicts; each call is one transaction."""

    def declare(self, intent: PaymentIntent) -> bool:
        """Store an intent; False if it was there."""
        ...

    def intent(self, intent_id: Hash32) -> PaymentIntent | None:
        """A stored intent.

        Raises:
            IntentConflict: its content does not have its id.
        """
        ...

    def first_askers(self, intent: PaymentIntent) -> list[PaymentIntent]:
        """Stored intents that a payment of the same order at the same contract is for before this.

        The intent whose id the order is comes before all others, then whichever was declared first;
        an intent that is not stored comes last.
        """
        ...

    def submit(self, submission: Submission, *, at_most: int | None) -> bool:
        """Store a submission; False if it was there.

        Raises:
            UnknownIntent: there is no such intent.
            TooManySubmissions: the intent has `at_most` already.
        """
        ...

    def claims(self, intent_id: Hash32) -> list[Place]:
        """The places that were claimed for an intent, in order."""
        ...

    def owner_of(self, place: Place) -> Hash32 | None:
        """The intent that a place was claimed for."""
        ...

    def bind(self, intent_id: Hash32, place: Place, *, attempt: int) -> Hash32 | None:
        """Claim a place for an intent, for ever, as its claim number `attempt`.

        Returns:
            The intent that has the place now, which may be another one; None if the intent got
            another claim of that number meanwhile, and nothing was bound.
        """
        ...

    def last_verdict(self, submission: Submission) -> RecordedVerdict | None:
        """The newest line of the history."""
        ...

    def open_since(self, submission: Submission) -> Timestamp | None:
        """When an open submission was looked at first; None where it was not yet."""
        ...

    def record(
        self,
        verdict: RecordedVerdict,
        *,
        after: RecordedVerdict | None,
        next_look: NextLook | None,
    ) -> bool:
        """Append a line to the history, if its newest line is still `after`; whether it was.

        The same line again is not appended. Either way it is stored when to look next; None says
        that this is the end.
        """
        ...


class PaymentWatch(Protocol):
    """What there is to look at; each call is one transaction, and costs what it answers."""

    def looked_up_to(self) -> BlockNumber:
        """The final block up to which all events were noted; -1 before the first run."""
        ...

    def move_to(self, number: BlockNumber) -> None:
        """Events up to this final block are noted."""
        ...

    def note(self, events: Sequence[OrderEvent]) -> None:
        """Submit these transactions for the intents that ask for their orders, or wake them.

        Of many intents of one order those that were declared first, and the one whose id it is.
        What was seen in that block already sleeps on. What had ended in no block is opened again,
        with a line that says `LATE_REASON`.
        """
        ...

    def blocks_above(self, number: BlockNumber) -> list[tuple[BlockNumber, Hash32]]:
        """Different blocks above a height that open submissions were seen in."""
        ...

    def wake_in(self, blocks: Sequence[Hash32]) -> None:
        """Wake all that were seen in these blocks."""
        ...

    def wake(self, submissions: Sequence[Submission]) -> None:
        """Wake those of them that are open."""
        ...

    def due(self, moment: Moment, *, after: Submission | None, limit: int) -> list[Submission]:
        """What must be looked at, by intent and transaction, after a given one."""
        ...

    def to_ask(self, now: Timestamp, limit: int) -> list[Submission]:
        """What a node must be asked about, whoever waits longest first."""
        ...

    def postpone(self, submission: Submission, ask_at: Timestamp) -> None:
        """Nobody could tell: put it to sleep until then."""
        ...
