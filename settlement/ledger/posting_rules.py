"""Which entries a finalized event or a plan makes.

| cause | debit | credit |
|---|---|---|
| EpochFunded | cash | paid_in(e) |
| EpochCommitted | paid_in(e) | committed(e), fees(e), escrowed(e), unallocated(e) |
| EpochVetoed | committed(e), fees(e), escrowed(e), unallocated(e) | paid_in(e) |
| activation, see `activation` | committed(e), fees(e), escrowed(e) | payable, escrow, suspense |
| PayeePaid | payable | cash |
| PayeeUnclaimed | payable | unclaimed(payee) |
| EscrowReleased | escrow(e, id), or suspense(e, id) | unclaimed(beneficiary) |
| EscrowExpired | escrow(e, id), or suspense(e, id) | unallocated(e) |
| UnclaimedWithdrawn | unclaimed(payee) | cash |
| UnallocatedTransferred | unallocated(e) | cash |
| plan of a payout (pending) | payable, one per open line | in_transit |

`LeafWithdrawn` moves nothing by itself: its lines do. It only ends a reservation. `PayeeHeld` moves
nothing at all: the line stays payable.

`version` is that of the books which the entry is for.
"""

from collections.abc import Sequence

from contracts.evm import BlockRef, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EpochVetoed,
    EscrowExpired,
    EscrowReleased,
    MoneyEvent,
    PayeeHeld,
    PayeePaid,
    PayeeUnclaimed,
    UnallocatedTransferred,
    UnclaimedWithdrawn,
)
from settlement.errors import UnexpectedEvent
from settlement.ledger.accounts import (
    CASH,
    IN_TRANSIT,
    committed,
    escrowed,
    fees,
    paid_in,
    unallocated,
    unclaimed,
)
from settlement.ledger.activation import line_account
from settlement.ledger.commitments import Commitment
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    log_source,
    reservation_source,
    reversal,
)


def funded(event: EpochFunded, version: int) -> JournalEntry:
    """Money came into the contract for an epoch."""
    posting = Posting(
        asset=event.asset, amount=event.amount, debit=CASH, credit=paid_in(event.epoch)
    )
    return _posted(event, (posting,), version)


def commitment(event: EpochCommitted, version: int) -> Commitment:
    """The commitment with its entry: what was paid in is divided, and reserved for the leaves.

    Raises:
        UnexpectedEvent: the totals use a term that the contract refuses, or do not add up.
    """
    postings: list[Posting] = []
    source = paid_in(event.epoch)
    for totals in event.totals:
        if totals.carried_in:
            raise UnexpectedEvent(event.ref, f"totals of {totals.asset} carry money in")
        targets = (
            (committed(event.epoch), totals.allocated),
            (fees(event.epoch), totals.fees),
            (escrowed(event.epoch), totals.escrow),
            (unallocated(event.epoch), totals.unallocated),
        )
        if sum(amount for _, amount in targets) != totals.paid_in:
            raise UnexpectedEvent(event.ref, f"totals of {totals.asset} do not add up")
        postings.extend(
            Posting(asset=totals.asset, amount=amount, debit=source, credit=target)
            for target, amount in targets
            if amount
        )
    return Commitment(
        ref=event.ref,
        epoch=event.epoch,
        attempt=event.attempt,
        manifest_digest=event.manifest_digest,
        root=event.root,
        active_at=event.active_at,
        entry=_posted(event, tuple(postings), version) if postings else None,
    )


def vetoed(event: EpochVetoed, undone: Commitment) -> JournalEntry | None:
    """The reversal of a commitment's entry; None if it had none."""
    if undone.entry is None:
        return None
    return reversal(
        undone.entry,
        source=log_source(event.ref, undone.entry.source.version),
        effective_at=event.timestamp,
        evidence=Evidence(block_number=event.ref.block_number, block_hash=event.block_hash),
    )


def line_settled(event: PayeePaid | PayeeUnclaimed, leaf: Leaf, version: int) -> JournalEntry:
    """One line of a leaf left the payables: to its payee, or to the payee's pull balance.

    Raises:
        UnexpectedEvent: the leaf has no such line.
    """
    line = _line_of(event, leaf)
    is_paid = isinstance(event, PayeePaid)
    posting = Posting(
        asset=event.asset,
        amount=event.amount,
        debit=line_account(leaf, line),
        credit=CASH if is_paid else unclaimed(event.payee),
    )
    return _posted(event, (posting,), version)


def require_held_line(event: PayeeHeld, leaf: Leaf) -> None:
    """A held line makes no entry, but it must be one.

    Raises:
        UnexpectedEvent: the leaf has no such line.
    """
    _line_of(event, leaf)


def escrow_settled(event: EscrowReleased | EscrowExpired, leaf: Leaf, version: int) -> JournalEntry:
    """An escrow leaf ended: it is its beneficiary's pull balance, or nobody's.

    Raises:
        UnexpectedEvent: the leaf is no escrow, or another one.
    """
    named = (event.epoch, event.escrow_id, event.asset, event.amount)
    if not leaf.kind.is_escrow or named != (leaf.epoch, leaf.work_id, leaf.asset, leaf.amount):
        raise UnexpectedEvent(event.ref, f"leaf {event.op_id} is no escrow of {event.amount}")
    posting = Posting(
        asset=event.asset,
        amount=event.amount,
        debit=line_account(leaf, leaf.lines[0]),
        credit=unclaimed(event.beneficiary)
        if isinstance(event, EscrowReleased)
        else unallocated(event.epoch),
    )
    return _posted(event, (posting,), version)


def unallocated_transferred(event: UnallocatedTransferred, version: int) -> JournalEntry:
    """Unallocated money left the contract."""
    posting = Posting(
        asset=event.asset, amount=event.amount, debit=unallocated(event.epoch), credit=CASH
    )
    return _posted(event, (posting,), version)


def unclaimed_withdrawn(event: UnclaimedWithdrawn, version: int) -> JournalEntry:
    """A pull balance left the contract, wherever the payee sent it."""
    posting = Posting(
        asset=event.asset, amount=event.amount, debit=unclaimed(event.payee), credit=CASH
    )
    return _posted(event, (posting,), version)


def reserved(
    op_id: Hash32,
    attempt: int,
    *,
    leaf: Leaf,
    open_lines: Sequence[SplitLine],
    planned_at: BlockRef,
    version: int,
) -> JournalEntry:
    """The pending entry of a planned payout: its open lines, in transit."""
    return JournalEntry(
        source=reservation_source(op_id, attempt, version),
        leg=0,
        status=EntryStatus.PENDING,
        effective_at=planned_at.timestamp,
        effective_block=planned_at.number,
        evidence=None,
        postings=tuple(
            Posting(
                asset=leaf.asset,
                amount=line.amount,
                debit=line_account(leaf, line),
                credit=IN_TRANSIT,
            )
            for line in open_lines
        ),
    )


def _line_of(event: PayeePaid | PayeeUnclaimed | PayeeHeld, leaf: Leaf) -> SplitLine:
    line = SplitLine(payee=event.payee, amount=event.amount)
    is_line = leaf.lines[event.line : event.line + 1] == (line,)
    if event.asset != leaf.asset or not is_line or leaf.kind.is_escrow:
        raise UnexpectedEvent(event.ref, f"leaf {event.op_id} has no line {event.line} {line}")
    return line


def _posted(event: MoneyEvent, postings: tuple[Posting, ...], version: int) -> JournalEntry:
    return JournalEntry(
        source=log_source(event.ref, version),
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=event.timestamp,
        effective_block=event.ref.block_number,
        evidence=Evidence(block_number=event.ref.block_number, block_hash=event.block_hash),
        postings=postings,
    )
