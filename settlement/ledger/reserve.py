"""Reserve what a payout is about to pay, and give it up again.

A reservation is a pending entry, written in the transaction that plans the payout. It is never
changed; it ends once, as posted (the leaf was withdrawn on chain, by us or by anybody; the line was
settled) or as voided (the plan was given up). Attempts at one leaf or line are numbered from 1, and
each needs the one before to have ended: so there is never more than one open reservation. Postgres
enforces the same by a foreign key. A withdrawal leaves out lines that are held; they are reserved
by a later attempt, which can never contain a settled line, because a settled line has no balance.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contracts.evm import BlockRef, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.units import BaseUnits
from settlement.ledger.accounts import AssetAccount
from settlement.ledger.activation import line_account
from settlement.ledger.errors import NoOpenReservation, NothingToReserve, PlanOutdated
from settlement.ledger.journal import JournalEntry
from settlement.ledger.lines import OwedLine
from settlement.ledger.payment_rules import line_reserved
from settlement.ledger.posting_rules import reserved


class ReservationOutcome(StrEnum):
    """How a reservation ended; terminal.

    `POSTED`: all its lines were settled, but for those that the chain held back.
    """

    POSTED = "posted"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """One attempt at planning the payout of one leaf or line; open while `outcome` is None."""

    op_id: Hash32
    attempt: int
    outcome: ReservationOutcome | None


class ReservationBooks(Protocol):
    """What reserving needs of the books, in the transaction of the payout plan."""

    def lock(self) -> None:
        """Keep every other writer of this book out until the transaction ends."""
        ...

    def version(self) -> int:
        """How often the books were taken back and begun again."""
        ...

    def cursor(self) -> BlockRef | None:
        """The block up to which events are posted."""
        ...

    def leaves(self, op_ids: Collection[Hash32]) -> dict[Hash32, Leaf]:
        """Leaves of active epochs by op-id, as far as they are known."""
        ...

    def lines(self, op_ids: Sequence[Hash32]) -> dict[Hash32, OwedLine]:
        """Lines by op-id, as far as they are known in this version."""
        ...

    def posted_balances(self, accounts: Collection[AssetAccount]) -> dict[AssetAccount, int]:
        """Posted balances on the accounts' normal sides."""
        ...

    def last_reservation(self, op_id: Hash32) -> Reservation | None:
        """The latest attempt."""
        ...

    def add_reservation(self, op_id: Hash32, attempt: int, entry: JournalEntry) -> None:
        """Insert a reservation with its pending entry."""
        ...

    def void_reservation(self, op_id: Hash32, attempt: int) -> None:
        """End an open reservation as voided."""
        ...


def reserve(books: ReservationBooks, op_id: Hash32, *, settled: int | None = None) -> Reservation:
    """Reserve all open lines of a leaf; the open reservation, if there is one already.

    The pending entry takes effect at the time of the books' cursor, from which it was planned.

    Args:
        books: of the leaf's settlement.
        op_id: of the leaf.
        settled: the lines, as bits, that the plan found settled; None takes whatever is open.

    Raises:
        NothingToReserve: the leaf is unknown, in escrow, or has no posted balance.
        PlanOutdated: other lines are settled by now than the plan found. Its operation would end
            with what settled them, and the reservation of what is open would never end.
    """
    books.lock()
    leaf, cursor = books.leaves({op_id}).get(op_id), books.cursor()
    lines = _open_lines(books, leaf) if leaf and not leaf.kind.is_escrow else []
    if leaf is None or cursor is None or not lines:
        raise NothingToReserve(op_id)
    if settled is not None and settled != _settled_lines(leaf, lines):
        raise PlanOutdated(op_id, planned=settled, settled=_settled_lines(leaf, lines))
    last = books.last_reservation(op_id)
    if last is not None and last.outcome is None:
        return last
    attempt = last.attempt + 1 if last else 1
    entry = reserved(
        op_id,
        attempt,
        leaf=leaf,
        open_lines=lines,
        planned_at=cursor,
        version=books.version(),
    )
    return _begin(books, op_id, attempt, entry)


def reserve_line(books: ReservationBooks, op_id: Hash32) -> Reservation:
    """Reserve a tip or a line of a document; the open reservation, if there is one already.

    Raises:
        NothingToReserve: the books know no such line.
        PlanOutdated: it was settled since the plan found it.
    """
    books.lock()
    line, cursor = books.lines([op_id]).get(op_id), books.cursor()
    if line is None or cursor is None:
        raise NothingToReserve(op_id)
    key = (line.account, line.asset)
    if books.posted_balances([key]).get(key, 0) != line.amount:
        raise PlanOutdated(op_id, planned=0, settled=1)
    last = books.last_reservation(op_id)
    if last is not None and last.outcome is None:
        return last
    attempt = last.attempt + 1 if last else 1
    entry = line_reserved(line, attempt, planned_at=cursor, version=books.version())
    return _begin(books, op_id, attempt, entry)


def void(books: ReservationBooks, op_id: Hash32, *, attempt: int) -> None:
    """Give up a reservation; voiding it again is harmless.

    Raises:
        NoOpenReservation: it is posted, unknown, or not the latest attempt.
    """
    books.lock()
    last = books.last_reservation(op_id)
    if last is None or last.attempt != attempt or last.outcome is ReservationOutcome.POSTED:
        raise NoOpenReservation(op_id, attempt)
    if last.outcome is None:
        books.void_reservation(op_id, attempt)


def _begin(
    books: ReservationBooks, op_id: Hash32, attempt: int, entry: JournalEntry
) -> Reservation:
    books.add_reservation(op_id, attempt, entry)
    return Reservation(op_id=op_id, attempt=attempt, outcome=None)


def _settled_lines(leaf: Leaf, open_lines: Collection[SplitLine]) -> int:
    """A bit for each line of a leaf that is not open."""
    payees = {line.payee for line in open_lines}
    return sum(1 << n for n, line in enumerate(leaf.lines) if line.payee not in payees)


def _open_lines(books: ReservationBooks, leaf: Leaf) -> list[SplitLine]:
    accounts = {line.payee: line_account(leaf, line) for line in leaf.lines}
    balances = books.posted_balances([(account, leaf.asset) for account in accounts.values()])
    return [
        SplitLine(payee=payee, amount=BaseUnits(balances[account, leaf.asset]))
        for payee, account in accounts.items()
        if balances.get((account, leaf.asset), 0) > 0
    ]
