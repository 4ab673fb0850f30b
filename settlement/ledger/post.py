"""Post finalized events: one step of the books, in chain order, in one database transaction.

A step goes from the cursor to a later finalized block. A commitment becomes payable between two
blocks, at its `active_at`, so a step never runs across one: it ends at the last block before, and
the next step begins with the activation.

    block        7        8        9   |    10       11
    event     commit     fund          |  withdraw
    time ──────┴─────────┴────────┴────┼────┴────────┴───►
                                    active_at
    steps     (……………………………… 7 … 9]      activate, (9 … 11]

So if the manifest is unknown, or is not what was committed, everything before the activation is
posted, the money stays in `committed`, and posting halts there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import BlockNumber, BlockRef, Hash32, LogRef
from contracts.leaves import Leaf
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EpochVetoed,
    EscrowExpired,
    EscrowReleased,
    LeafWithdrawn,
    MoneyEvent,
    PayeeHeld,
    PayeePaid,
    PayeeUnclaimed,
    UnallocatedTransferred,
    UnclaimedWithdrawn,
)
from settlement.errors import (
    BlockMissing,
    FinalizedBlockChanged,
    NotComputedYet,
    Overdrawn,
    UnexpectedEvent,
    UnknownManifest,
)
from settlement.ledger import activation, posting_rules
from settlement.ledger.books import (
    Books,
    CommittedLeaves,
    MoneyFacts,
    PostingBooks,
    SteppedFacts,
)
from settlement.ledger.commitments import Commitment, CommitmentOutcome
from settlement.ledger.journal import JournalEntry
from settlement.ledger.manual import book_manuals
from settlement.ledger.overdrafts import overdrawn

OfLeaf = PayeePaid | PayeeUnclaimed | PayeeHeld | EscrowReleased | EscrowExpired
"""Events that say what became of a leaf, or of a line of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Result of one step; `block` is the cursor after it."""

    block: BlockRef | None
    entries: int
    is_caught_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRange:
    """A step over blocks (after, target]; `target` is None where nothing can be posted.

    `is_last` says that nothing final is left behind it.
    """

    cursor: BlockRef | None
    after: BlockNumber
    target: BlockRef | None
    is_last: bool


def post_step(
    facts: MoneyFacts,
    computed: CommittedLeaves,
    books: Books,
    *,
    start_block: BlockNumber,
    blocks_max: int,
) -> Posted:
    """Post the events of at most `blocks_max` more finalized blocks.

    Call it, each time in a new transaction, until it is caught up. Running it again, or twice at
    once, changes nothing.

    Raises:
        FinalizedBlockChanged, BlockMissing: the facts are not those that were posted from.
        NotComputedYet: the chain has activated an epoch that we have yet to compute.
        UnexpectedEvent, UnknownManifest, DistributionDiffers: an event contradicts the books.
        Overdrawn: more left an account than came in.
        EntryConflict: an entry was posted before with other content.
    """
    books.lock()
    version = books.version()
    place = step_range(facts, books, start_block=start_block, blocks_max=blocks_max)
    if place.target is None:
        return Posted(block=place.cursor, entries=0, is_caught_up=True)
    after, target = place.after, place.target
    count = book_manuals(books, target, version)
    if target.number <= after:
        return Posted(block=place.cursor, entries=count, is_caught_up=True)
    opened = books.open_commitment()
    if opened is not None:
        last = facts.highest_block_before(opened.active_at, target)
        if last is not None and last.number > after:
            target = last
        else:
            first = BlockNumber(after + 1)
            count += _activate(opened, computed, books, version=version, block=first)
    target, events = _events_of_step(facts, after, target)
    count += _post_events(events, books, version)
    books.advance(target)
    is_caught_up = place.is_last and target == place.target
    return Posted(block=target, entries=count, is_caught_up=is_caught_up)


def step_range(
    facts: SteppedFacts, books: PostingBooks, *, start_block: BlockNumber, blocks_max: int
) -> StepRange:
    """How far the next step goes; without new blocks it ends at the cursor.

    Raises:
        FinalizedBlockChanged, BlockMissing: the facts are not those that were posted from.
    """
    cursor, finalized = books.cursor(), facts.finalized()
    after = cursor.number if cursor else BlockNumber(start_block - 1)
    if finalized is None or finalized.number < after:  # none, or the index is being rebuilt
        return StepRange(cursor=cursor, after=after, target=None, is_last=True)
    if cursor is not None:
        _require_unchanged(cursor, facts)
    if finalized.number == after:
        return StepRange(cursor=cursor, after=after, target=cursor, is_last=True)
    target = _target(facts, after, finalized, blocks_max)
    is_last = target.number == finalized.number
    return StepRange(cursor=cursor, after=after, target=target, is_last=is_last)


def _require_unchanged(cursor: BlockRef, facts: SteppedFacts) -> None:
    stored = facts.block(cursor.number)
    if stored is None or stored.hash != cursor.hash:
        raise FinalizedBlockChanged(
            cursor.number, posted=cursor.hash, finalized=stored.hash if stored else None
        )


def _target(
    facts: SteppedFacts, after: BlockNumber, finalized: BlockRef, blocks_max: int
) -> BlockRef:
    if finalized.number - after <= blocks_max:
        return finalized
    number = BlockNumber(after + blocks_max)
    block = facts.block(number)
    if block is None:
        raise BlockMissing(number)
    return block


def _events_of_step(
    facts: MoneyFacts, after: BlockNumber, target: BlockRef
) -> tuple[BlockRef, list[MoneyEvent]]:
    """The step's events, cut before the first commitment among them that matures inside."""
    events = facts.money_events(after, target)
    for event in events:
        if isinstance(event, EpochCommitted) and event.active_at <= target.timestamp:
            last = facts.highest_block_before(event.active_at, target)
            if last is None or last.number < event.ref.block_number:
                raise UnexpectedEvent(event.ref, "is active in its own block")
            return last, [each for each in events if each.ref.block_number <= last.number]
    return target, events


def _activate(
    opened: Commitment,
    computed: CommittedLeaves,
    books: Books,
    *,
    version: int,
    block: BlockNumber,
) -> int:
    distribution = computed.distribution(opened.epoch, opened.manifest_digest)
    if distribution is None and not computed.has_computed(opened.epoch, opened.attempt):
        raise NotComputedYet(opened.epoch, opened.attempt)
    if distribution is None or distribution.manifest_digest != opened.manifest_digest:
        raise UnknownManifest(opened.epoch, opened.manifest_digest)
    entries = activation.activated(opened, distribution, books.book, version=version, block=block)
    count = books.record(entries)
    books.add_leaves(
        {
            activation.leaf_operation_id(leaf, books.book): (leaf, entry)
            for leaf, entry in zip(distribution.leaves, entries, strict=True)
        }
    )
    books.close_commitment(opened, CommitmentOutcome.ACTIVATED)
    require_not_overdrawn(entries, books)
    return count


def _post_events(events: Sequence[MoneyEvent], books: Books, version: int) -> int:
    leaves = books.leaves({event.op_id for event in events if isinstance(event, OfLeaf)})
    entries: list[JournalEntry] = []
    for event in events:
        match event:
            case EpochFunded():
                entries.append(posting_rules.funded(event, version))
            case EpochCommitted():
                entries.extend(_commit(event, books, version))
            case EpochVetoed():
                entries.extend(_veto(event, books))
            case PayeePaid() | PayeeUnclaimed() | PayeeHeld() | EscrowReleased() | EscrowExpired():
                entries.extend(_of_leaf(event, leaves, version))
            case UnallocatedTransferred():
                entries.append(posting_rules.unallocated_transferred(event, version))
            case UnclaimedWithdrawn():
                entries.append(posting_rules.unclaimed_withdrawn(event, version))
            case LeafWithdrawn():
                pass  # its lines move the money, see _require_lines_match
    _require_lines_match(events)
    count = books.record(entries)
    books.post_reservations(
        {event.op_id: event.ref for event in events if isinstance(event, LeafWithdrawn)}
    )
    require_not_overdrawn(entries, books)
    return count


def _of_leaf(event: OfLeaf, leaves: Mapping[Hash32, Leaf], version: int) -> list[JournalEntry]:
    if event.op_id not in leaves:
        raise UnexpectedEvent(event.ref, f"no payable leaf {event.op_id}")
    leaf = leaves[event.op_id]
    match event:
        case PayeePaid() | PayeeUnclaimed():
            return [posting_rules.line_settled(event, leaf, version)]
        case EscrowReleased() | EscrowExpired():
            return [posting_rules.escrow_settled(event, leaf, version)]
        case PayeeHeld():
            posting_rules.require_held_line(event, leaf)
            return []


def _commit(event: EpochCommitted, books: Books, version: int) -> list[JournalEntry]:
    commitment = posting_rules.commitment(event, version)
    entries = [commitment.entry] if commitment.entry else []
    books.record(entries)
    books.add_commitment(commitment)
    return entries


def _veto(event: EpochVetoed, books: Books) -> list[JournalEntry]:
    undone = books.commitment(event.epoch, event.attempt)
    if undone is None:
        raise UnexpectedEvent(event.ref, f"vetoes unknown attempt {event.attempt}")
    if event.timestamp >= undone.active_at:
        raise UnexpectedEvent(event.ref, f"vetoes attempt {event.attempt} after it was active")
    books.close_commitment(undone, CommitmentOutcome.VETOED)
    entry = posting_rules.vetoed(event, undone)
    return [entry] if entry else []


def _require_lines_match(events: Sequence[MoneyEvent]) -> None:
    """A `LeafWithdrawn` and its lines are of one transaction, hence of one step."""
    difference: Counter[Hash32] = Counter()
    last_ref: dict[Hash32, LogRef] = {}
    for event in events:
        if isinstance(event, LeafWithdrawn):
            difference[event.op_id] += event.amount
            last_ref[event.op_id] = event.ref
        elif isinstance(event, PayeePaid | PayeeUnclaimed):
            difference[event.op_id] -= event.amount
            last_ref[event.op_id] = event.ref
    for op_id, units in difference.items():
        if units:
            raise UnexpectedEvent(last_ref[op_id], f"leaf and lines of {op_id} differ by {units}")


def require_not_overdrawn(entries: Sequence[JournalEntry], books: PostingBooks) -> None:
    """No account that these entries lowered is below zero by now.

    Raises:
        Overdrawn: one is.
    """
    for (account, asset), balance in overdrawn(entries, books).items():
        raise Overdrawn(account.path, asset, balance)
