"""Which entries a finalized event, an accepted manifest or a plan makes.

| cause | debit | credit |
|---|---|---|
| EpochFunded | cash | paid_in(e) |
| EpochCommitted | paid_in(e) | committed(e), unallocated(e) |
| EpochVetoed | committed(e), unallocated(e) | paid_in(e) |
| activation, per leaf of the manifest | committed(e) | payable, one per line |
| PayeePaid | payable | cash |
| PayeeUnclaimed | payable | unclaimed(payee) |
| UnclaimedWithdrawn | unclaimed(payee) | cash |
| plan of a payout (pending) | payable, one per open line | in_transit |

`LeafWithdrawn` moves nothing by itself: its lines do. It only ends a reservation.

`version` is that of the books which the entry is for.
"""

from collections import Counter
from collections.abc import Sequence

from contracts.evm import Address, Hash32, Timestamp
from contracts.leaves import Leaf, SplitLine
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EpochVetoed,
    MoneyEvent,
    PayeePaid,
    PayeeUnclaimed,
    UnclaimedWithdrawn,
)
from contracts.operations import withdraw_operation_id
from settlement.errors import DistributionDiffers, UnexpectedEvent
from settlement.ledger.accounts import (
    CASH,
    IN_TRANSIT,
    Account,
    Book,
    committed,
    paid_in,
    payable,
    unallocated,
    unclaimed,
)
from settlement.ledger.commitments import Commitment, Distribution
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    leaf_source,
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
    for totals in event.totals:
        if totals.carried_in or totals.escrow or totals.fees:
            raise UnexpectedEvent(event.ref, f"totals of {totals.asset} carry, hold or charge")
        if totals.allocated + totals.unallocated != totals.paid_in:
            raise UnexpectedEvent(event.ref, f"totals of {totals.asset} do not add up")
        source = paid_in(event.epoch)
        targets = (
            (committed(event.epoch), totals.allocated),
            (unallocated(event.epoch), totals.unallocated),
        )
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


def activated(
    opened: Commitment, distribution: Distribution, book: Book, version: int
) -> list[JournalEntry]:
    """One entry per leaf: what was committed becomes payable, line by line.

    Raises:
        DistributionDiffers: root, epoch, uniqueness or a sum of the leaves is not what was
            committed.
    """
    _require_same_distribution(opened, distribution)
    entries = [_leaf_activated(opened, leaf, book, version) for leaf in distribution.leaves]
    names = len({entry.id for entry in entries})
    if names != len(entries):
        raise _differs(opened, "number of distinct leaves", expected=len(entries), actual=names)
    return entries


def line_settled(event: PayeePaid | PayeeUnclaimed, leaf: Leaf, version: int) -> JournalEntry:
    """One line of a leaf left the payables: to its payee, or to the payee's pull balance.

    Raises:
        UnexpectedEvent: the leaf has no such line.
    """
    line = SplitLine(payee=event.payee, amount=event.amount)
    if event.asset != leaf.asset or leaf.lines[event.line : event.line + 1] != (line,):
        raise UnexpectedEvent(event.ref, f"leaf {event.op_id} has no line {event.line} {line}")
    is_paid = isinstance(event, PayeePaid)
    posting = Posting(
        asset=event.asset,
        amount=event.amount,
        debit=_payable(leaf, line),
        credit=CASH if is_paid else unclaimed(event.payee),
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
    planned_at: Timestamp,
    version: int,
) -> JournalEntry:
    """The pending entry of a planned payout: its open lines, in transit."""
    return JournalEntry(
        source=reservation_source(op_id, attempt, version),
        leg=0,
        status=EntryStatus.PENDING,
        effective_at=planned_at,
        evidence=None,
        postings=tuple(
            Posting(
                asset=leaf.asset,
                amount=line.amount,
                debit=_payable(leaf, line),
                credit=IN_TRANSIT,
            )
            for line in open_lines
        ),
    )


def leaf_operation_id(leaf: Leaf, book: Book) -> Hash32:
    """The op-id of paying a leaf of this book."""
    return withdraw_operation_id(
        leaf.epoch,
        leaf.work_id,
        leaf.part,
        leaf.asset,
        chain_id=book.chain_id,
        contract=book.contract,
    )


def _leaf_activated(opened: Commitment, leaf: Leaf, book: Book, version: int) -> JournalEntry:
    return JournalEntry(
        source=leaf_source(opened.manifest_digest, leaf_operation_id(leaf, book), version),
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=opened.active_at,
        evidence=None,
        postings=tuple(
            Posting(
                asset=leaf.asset,
                amount=line.amount,
                debit=committed(leaf.epoch),
                credit=_payable(leaf, line),
            )
            for line in leaf.lines
        ),
    )


def _payable(leaf: Leaf, line: SplitLine) -> Account:
    return payable(epoch=leaf.epoch, work_id=leaf.work_id, part=leaf.part, payee=line.payee)


def _require_same_distribution(opened: Commitment, distribution: Distribution) -> None:
    if distribution.root != opened.root:
        raise _differs(opened, "root", expected=opened.root, actual=distribution.root)
    sums: Counter[Address] = Counter()
    for leaf in distribution.leaves:
        if leaf.epoch != opened.epoch:
            raise _differs(opened, "epoch of a leaf", expected=opened.epoch, actual=leaf.epoch)
        sums[leaf.asset] += leaf.amount
    allocated = opened.allocated()
    for asset in sorted(allocated.keys() | sums.keys()):
        wanted = allocated.get(asset, 0)
        if sums[asset] != wanted:
            raise _differs(opened, f"sum in {asset!r}", expected=wanted, actual=sums[asset])


def _differs(
    opened: Commitment, what: str, *, expected: object, actual: object
) -> DistributionDiffers:
    return DistributionDiffers(
        opened.epoch, opened.manifest_digest, what, expected=expected, actual=actual
    )


def _posted(event: MoneyEvent, postings: tuple[Posting, ...], version: int) -> JournalEntry:
    return JournalEntry(
        source=log_source(event.ref, version),
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=event.timestamp,
        evidence=Evidence(block_number=event.ref.block_number, block_hash=event.block_hash),
        postings=postings,
    )
