"""Reserve what a payout is about to pay, and give it up again.

A reservation is a pending entry, written in the transaction that plans the payout. It is never
changed; it ends once, as posted (the leaf was settled on chain, by us or by anybody) or as voided
(the plan was given up). Attempts of one op-id are numbered from 1, and each needs the one before to
be voided: so there is never more than one open reservation of a leaf, and none after a posted one.
Postgres enforces the same by a foreign key.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from contracts.evm import Address, BlockRef, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.units import BaseUnits
from settlement.errors import NoOpenReservation, NothingToReserve
from settlement.ledger.accounts import Account, payable
from settlement.ledger.journal import JournalEntry
from settlement.ledger.posting_rules import reserved


class ReservationOutcome(StrEnum):
    """How a reservation ended; terminal."""

    POSTED = "posted"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """One attempt at planning the payout of one leaf; open while `outcome` is None."""

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
        """Payable leaves by op-id, as far as they are known."""
        ...

    def posted_balances(self, accounts: Collection[Account]) -> dict[tuple[Account, Address], int]:
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


def reserve(books: ReservationBooks, op_id: Hash32) -> Reservation:
    """Reserve all open lines of a leaf; the open reservation, if there is one already.

    The pending entry takes effect at the time of the books' cursor, from which it was planned.

    Raises:
        NothingToReserve: the leaf is unknown or has no posted balance.
    """
    books.lock()
    leaf, cursor = books.leaves({op_id}).get(op_id), books.cursor()
    lines = _open_lines(books, leaf) if leaf else []
    if leaf is None or cursor is None or not lines:
        raise NothingToReserve(op_id)
    last = books.last_reservation(op_id)
    if last is not None and last.outcome is None:
        return last
    if last is not None and last.outcome is ReservationOutcome.POSTED:
        raise NothingToReserve(op_id)
    attempt = last.attempt + 1 if last else 1
    entry = reserved(
        op_id,
        attempt,
        leaf=leaf,
        open_lines=lines,
        planned_at=cursor.timestamp,
        version=books.version(),
    )
    books.add_reservation(op_id, attempt, entry)
    return Reservation(op_id=op_id, attempt=attempt, outcome=None)


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


def _open_lines(books: ReservationBooks, leaf: Leaf) -> list[SplitLine]:
    accounts = {
        line.payee: payable(
            epoch=leaf.epoch, work_id=leaf.work_id, part=leaf.part, payee=line.payee
        )
        for line in leaf.lines
    }
    balances = books.posted_balances(accounts.values())
    return [
        SplitLine(payee=payee, amount=BaseUnits(balances[account, leaf.asset]))
        for payee, account in accounts.items()
        if balances.get((account, leaf.asset), 0) > 0
    ]
