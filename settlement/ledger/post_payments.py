"""Post the books of payment contracts and payout wallets: one step, in one database transaction.

    documents accepted, and manual entries approved, up to the step's end
    then events of blocks (cursor, end], in chain order

A document is owed from the highest block that is no later than its acceptance, whenever it is
booked: so books that are posted again, from the start and in other steps, come to the same. A line
counts as owed for an event only if the document was accepted by then. What the chain had ended
before, because a restored backup had lost the document or somebody paid too early, is unexplained
until the document is booked, and explained by it, line by line.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, assert_never

from contracts.evm import BlockNumber, BlockRef, Hash32, LogRef, Timestamp
from contracts.operations import payout_operation_id
from contracts.payment_events import (
    FeesWithdrawn,
    FloatReceived,
    LinePaid,
    LineUnclaimed,
    PassedThrough,
    PaymentEvent,
    TipReceived,
    TokensReceived,
    UnclaimedWithdrawn,
)
from settlement.errors import EntryConflict
from settlement.ledger import payment_rules
from settlement.ledger.books import PostingBooks, SteppedFacts
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.gas import GasSpent, WalletOpened
from settlement.ledger.journal import JournalEntry
from settlement.ledger.lines import OwedLine
from settlement.ledger.manual import StandingManuals, book_manuals
from settlement.ledger.post import Posted, require_not_overdrawn, step_range

BookEvent = PaymentEvent | GasSpent | WalletOpened

_LineEnded = LinePaid | LineUnclaimed
_Moved = UnclaimedWithdrawn | FeesWithdrawn | FloatReceived | TokensReceived


class PaymentFacts(SteppedFacts, Protocol):
    """Finalized facts of one payment contract or payout wallet."""

    def events(self, after: BlockNumber, upto: BlockRef) -> Sequence[BookEvent]:
        """Events of blocks (after, upto], in chain order."""
        ...

    def line_ends(
        self, op_ids: Sequence[Hash32], upto: BlockRef
    ) -> Sequence[LinePaid | LineUnclaimed]:
        """What ended these lines in blocks up to `upto`, in any order; at most one event a line."""
        ...


class LineBooks(PostingBooks, StandingManuals, Protocol):
    """The books of one payment contract or wallet, in one database transaction."""

    def booked_lists(self) -> set[Hash32]:
        """Lists of documents that are booked in this version."""
        ...

    def add_document(self, document: AcceptedDocument) -> None:
        """Say that a document is booked, or verify it."""
        ...

    def add_lines(self, lines: Sequence[tuple[OwedLine, JournalEntry]]) -> None:
        """Insert or verify lines with the entries that owe them."""
        ...

    def lines(self, op_ids: Sequence[Hash32]) -> dict[Hash32, OwedLine]:
        """Lines by op-id, as far as they are known in this version."""
        ...

    def post_reservations(self, settled: Mapping[Hash32, LogRef]) -> None:
        """End the open reservations of these op-ids as posted."""
        ...


def post_payments_step(
    facts: PaymentFacts,
    accepted: Sequence[AcceptedDocument],
    books: LineBooks,
    *,
    start_block: BlockNumber,
    blocks_max: int,
) -> Posted:
    """Post the events of at most `blocks_max` more finalized blocks.

    Call it, each time in a new transaction, until it is caught up. Running it again, or twice at
    once, changes nothing. A document that is accepted while nothing new is final is booked too.

    Raises:
        FinalizedBlockChanged, BlockMissing: the facts are not those that were posted from.
        Overdrawn: more left an account than came in.
        EntryConflict: an entry, a line or a document was booked before with other content.
    """
    books.lock()
    version = books.version()
    place = step_range(facts, books, start_block=start_block, blocks_max=blocks_max)
    if place.target is None:
        return Posted(block=place.cursor, entries=0, is_caught_up=True)
    target = place.target
    count = book_manuals(books, target, version)
    count += _book_documents(facts, accepted, books, target=target, start_block=start_block)
    events = facts.events(place.after, target) if target.number > place.after else []
    count += _post_events(events, books, version)
    if target != place.cursor:
        books.advance(target)
    return Posted(block=target, entries=count, is_caught_up=place.is_last)


def _book_documents(
    facts: PaymentFacts,
    accepted: Sequence[AcceptedDocument],
    books: LineBooks,
    *,
    target: BlockRef,
    start_block: BlockNumber,
) -> int:
    booked, version, count = books.booked_lists(), books.version(), 0
    for document in accepted:
        if document.list_id in booked or document.accepted_at > target.timestamp:
            continue
        block = facts.highest_block_before(Timestamp(document.accepted_at + 1), target)
        op_ids = _op_ids(document, books)
        lines = payment_rules.document_lines(document, op_ids)
        ends = {one.op_id: one for one in facts.line_ends(op_ids, block)} if block else {}
        entries = [
            payment_rules.document_line_owed(
                line,
                document.digest,
                ended=end if (end := ends.get(line.op_id)) and line.is_ended_by(end) else None,
                block=block.number if block else start_block,
                version=version,
            )
            for line in lines
        ]
        books.add_document(document)
        count += books.record(entries)
        books.add_lines(list(zip(lines, entries, strict=True)))
    return count


def _op_ids(document: AcceptedDocument, books: LineBooks) -> tuple[Hash32, ...]:
    book = books.book
    return tuple(
        payout_operation_id(
            document.list_id, line.index, chain_id=book.chain_id, contract=book.contract
        )
        for line in document.lines
    )


def _post_events(events: Sequence[BookEvent], books: LineBooks, version: int) -> int:
    known = books.lines([event.op_id for event in events if isinstance(event, _LineEnded)])
    told = _told_before(events, known, books)
    entries: list[JournalEntry] = []
    new: list[tuple[OwedLine, JournalEntry]] = []
    settled: dict[Hash32, LogRef] = {}
    for event in events:
        if isinstance(event, PassedThrough):
            entry = payment_rules.passed_through(event, version)
            entries.extend([entry] if entry else [])
        elif isinstance(event, TipReceived):
            line, entry = payment_rules.tip_received(event, version)
            entries.append(entry)
            new.append((line, entry))
            known[line.op_id] = line
        elif isinstance(event, _LineEnded):
            found = known.get(event.op_id)
            is_open = event.op_id not in told
            owed = found if found and is_open and found.is_ended_by(event) else None
            entries.append(payment_rules.line_ended(event, owed, version))
            if owed is not None:
                settled[event.op_id] = event.ref
        elif isinstance(event, _Moved):
            entries.append(payment_rules.money_moved(event, version))
        elif isinstance(event, GasSpent):
            entry = payment_rules.gas_spent(event, version)
            entries.extend([entry] if entry else [])
        elif isinstance(event, WalletOpened):
            entry = payment_rules.wallet_opened(event, books.book, version)
            entries.extend([entry] if entry else [])
        else:
            assert_never(event)
    _require_once(new, known)
    count = books.record(entries)
    books.add_lines(new)
    books.post_reservations(settled)
    require_not_overdrawn(entries, books)
    return count


def _told_before(
    events: Sequence[BookEvent], known: Mapping[Hash32, OwedLine], books: LineBooks
) -> set[Hash32]:
    """Lines that were booked as ended together with their document, which came after the event."""
    late = [
        line
        for event in events
        if isinstance(event, _LineEnded)
        and (line := known.get(event.op_id)) is not None
        and line.may_follow(event)
    ]
    if not late:
        return set()
    balances = books.posted_balances([(line.account, line.asset) for line in late])
    return {line.op_id for line in late if not balances.get((line.account, line.asset))}


def _require_once(
    new: Sequence[tuple[OwedLine, JournalEntry]], known: Mapping[Hash32, OwedLine]
) -> None:
    """No op-id is received twice with other content."""
    for line, _ in new:
        if known[line.op_id] != line:
            raise EntryConflict("line", line.op_id)
