"""The database: payouts and three books in one place, transactions, and one owner at a time.

A transaction works on copies of what it touches, and the commit puts them in place: what ends
before leaves no trace, and what was committed is never changed, so a backup is all that there was.
Whoever writes books must hold their lock; what it holds up is not run meanwhile.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import TypeVar

from contracts.evm import Address, BlockNumber, BlockRef, Hash32
from contracts.leaves import Leaf
from settlement.errors import OwnershipLost, PayoutsOwnedElsewhere
from settlement.ledger import reserve
from settlement.ledger.accounts import Account, Book
from settlement.ledger.activation import line_account
from settlement.ledger.balances import PayableLeaf, PayableLine
from settlement.ledger.journal import EntryStatus, JournalEntry
from settlement.ledger.reserve import Reservation
from settlement.payouts.operation import (
    Adoption,
    Attempt,
    History,
    Kind,
    LeafSubject,
    Operation,
    Outcome,
)
from settlement.payouts.operation import SignedTransaction as Signed
from tests.fakes_payout_chain import MemoryStore
from tests.ledger_builders import BOOK, MemoryBooks
from tests.simulation.calls import BATCH, RELAY, op_id_of
from tests.simulation.chain import SENDER
from tests.simulation.faults import Fault, Faults, Kill


class NotLocked(AssertionError):
    """The books were written by somebody who had not locked them."""


class SimulatedBooks(MemoryBooks):
    """Books in memory that know what is owed, and who may write."""

    is_locked = False

    def __init__(self, book: Book = BOOK) -> None:
        super().__init__(book)
        self.balances: dict[tuple[Account, Address], int] = {}

    def lock(self) -> None:
        self.is_locked = True

    def advance(self, to: BlockRef) -> None:
        self._require_lock()
        super().advance(to)

    def record(self, entries: Sequence[JournalEntry]) -> int:
        self._require_lock()
        new = {one.id: one for one in entries if one.id not in self.entries}
        for entry in new.values():
            if entry.status is EntryStatus.POSTED:
                for one in entry.postings:
                    self._move(one.debit, one.asset, debits=one.amount, credits=0)
                    self._move(one.credit, one.asset, debits=0, credits=one.amount)
        return super().record(entries)

    def all_posted(self) -> dict[tuple[Account, Address], int]:
        """Every posted balance, kept as entries come."""
        return self.balances

    def payable_leaves(self) -> list[PayableLeaf]:
        """Leaves with an open line, ascending by (epoch, work, part, asset); no escrow."""
        balances = self.all_posted()
        found: list[PayableLeaf] = []
        for leaf in sorted(self._leaves.values(), key=_place):
            owed = [balances.get((line_account(leaf, one), leaf.asset), 0) for one in leaf.lines]
            if leaf.kind.is_escrow or not any(owed):
                continue
            op_id = op_id_of(leaf)
            last = self.last_reservation(op_id)
            found.append(
                PayableLeaf(
                    op_id=op_id,
                    epoch=leaf.epoch,
                    work_id=leaf.work_id,
                    part=leaf.part,
                    asset=leaf.asset,
                    settled=sum(1 << n for n, units in enumerate(owed) if not units),
                    open_lines=tuple(
                        line for line, units in zip(leaf.lines, owed, strict=True) if units
                    ),
                    is_reserved=last is not None and last.outcome is None,
                )
            )
        return found

    def payable_lines(self) -> list[PayableLine]:
        """Lines with a posted balance, ascending by (list, index)."""
        found: list[PayableLine] = []
        for line in sorted(self._lines.values(), key=lambda one: (one.list_id, one.index)):
            if not self.balances.get((line.account, line.asset), 0):
                continue
            last = self.last_reservation(line.op_id)
            found.append(
                PayableLine(
                    op_id=line.op_id,
                    list_id=line.list_id,
                    index=line.index,
                    payee=line.payee,
                    asset=line.asset,
                    amount=line.amount,
                    entry_id=line.op_id,
                    owed_since=line.owed_since,
                    payers=() if line.payer is None else (line.payer,),
                    is_reserved=last is not None and last.outcome is None,
                )
            )
        return found

    def reservations(self) -> Mapping[Hash32, Reservation]:
        """The latest attempt at each leaf."""
        return self._reservations

    def _move(self, account: Account, asset: Address, *, debits: int, credits: int) -> None:
        before = self.balances.get((account, asset), 0)
        after = before + account.balance(debits=debits, credits=credits)
        self.balances[account, asset] = after

    def _require_lock(self) -> None:
        if not self.is_locked:
            raise NotLocked


def _place(leaf: Leaf) -> tuple[int, bytes, int, bytes]:
    return (leaf.epoch, leaf.work_id, leaf.part, leaf.asset)


_Tables = TypeVar("_Tables", MemoryStore, SimulatedBooks)


def reserve_operation(changes: "Changes", operation: Operation) -> None:
    """The pending entry of a planned payment in the books of who pays, as the product writes it."""
    books = changes.books(operation.contract)
    if isinstance(operation.subject, LeafSubject):
        settled = operation.subject.settled
        reserve.reserve(books, operation.event_op_id, settled=settled)
    else:
        reserve.reserve_line(books, operation.op_id)


@dataclass
class Session:
    """A connection; dead ones can write nothing."""

    name: str
    is_alive: bool = True


@dataclass(frozen=True, slots=True)
class Content:
    """All that is committed."""

    store: MemoryStore
    books: Mapping[Address, SimulatedBooks]


class Changes:
    """What a transaction touches, as copies."""

    def __init__(self, before: Content) -> None:
        self._before = before
        self._store: MemoryStore | None = None
        self._books: dict[Address, SimulatedBooks] = {}

    @property
    def store(self) -> MemoryStore:
        """The payouts."""
        if self._store is None:
            self._store = _copied(self._before.store)
        return self._store

    def books(self, contract: Address) -> SimulatedBooks:
        """The books of a contract, not locked yet."""
        if contract not in self._books:
            self._books[contract] = _copied(self._before.books[contract])
            self._books[contract].is_locked = False
        return self._books[contract]

    def made(self) -> Content:
        """What is committed once they are."""
        store = self._before.store if self._store is None else self._store
        return Content(store, {**self._before.books, **self._books})


class Database:
    """What is committed, and who owns the payouts."""

    def __init__(
        self,
        faults: Faults,
        border: Callable[[str], None],
        reserve: Callable[["Changes", Operation], None] = reserve_operation,
    ) -> None:
        self._faults, self.border, self.reserve = faults, border, reserve
        all_books = [Book(chain_id=BOOK.chain_id, contract=one) for one in (RELAY, BATCH)]
        books = {one.contract: SimulatedBooks(one) for one in (BOOK, *all_books)}
        self.content = Content(MemoryStore(), books)
        self.owner: Session | None = None
        self.is_writing = False

    @property
    def store(self) -> MemoryStore:
        """The payouts as committed."""
        return self.content.store

    @property
    def books(self) -> SimulatedBooks:
        """The committed books of the epoch contract."""
        return self.content.books[BOOK.contract]

    def books_of(self, contract: Address) -> SimulatedBooks:
        """The committed books of a contract."""
        return self.content.books[contract]

    @contextmanager
    def ownership(self, name: str) -> Iterator[Session]:
        """The locks of the payout key, while their session lives."""
        if self.owner is not None and self.owner.is_alive:
            raise PayoutsOwnedElsewhere(SENDER)
        session = Session(name)
        self.owner = session
        try:
            yield session
        finally:
            session.is_alive = False

    def read(self, session: Session, name: str) -> MemoryStore:
        """One transaction that writes nothing."""
        self.border(name)
        self._lose(session)
        return self.store

    @contextmanager
    def transaction(self, session: Session, name: str) -> Iterator[Changes]:
        """One transaction: everything or nothing, with a fault on either side of the commit."""
        self.border(name)
        self._lose(session)
        changes = Changes(self.content)
        self.is_writing = True
        try:
            yield changes
            if self._faults.strikes(Fault.KILL_BEFORE_COMMIT, name):
                raise Kill(f"{name}: before the commit")
            self._lose(session)
            self.content = changes.made()
        finally:
            self.is_writing = False
        if self._faults.strikes(Fault.KILL_AFTER_COMMIT, name):
            raise Kill(f"{name}: after the commit")
        if self._faults.strikes(Fault.COMMIT_UNANSWERED, name):
            session.is_alive = False
            raise OwnershipLost

    def _lose(self, session: Session) -> None:
        if session.is_alive and self._faults.strikes(Fault.SESSION_LOST):
            session.is_alive = False
        if not session.is_alive:
            raise OwnershipLost


def _copied(tables: _Tables) -> _Tables:
    """Rows are records that never change; only what holds them is copied."""
    fresh = copy(tables)
    for name, value in vars(tables).items():
        if isinstance(value, dict | list | set):
            setattr(fresh, name, copy(value))
    return fresh


class Store:
    """`PayoutStore` in one session: every method is one transaction."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database, self._session = database, session

    def plan(self, operations: Sequence[Operation]) -> int:
        with self._database.transaction(self._session, "plan") as changes:
            planned = changes.store.plan(operations)
            for one in operations:
                if one.kind is not Kind.COMMIT:
                    self._database.reserve(changes, one)
            return planned

    def open_count(self) -> int:
        return self._database.read(self._session, "open_count").open_count()

    def open_histories(self) -> list[History]:
        return self._database.read(self._session, "open_histories").open_histories()

    def open_attempts(self, sender: Address, *, first_nonce: int) -> list[Attempt]:
        store = self._database.read(self._session, "open_attempts")
        return store.open_attempts(sender, first_nonce=first_nonce)

    def next_nonce(self, sender: Address) -> int | None:
        return self._database.read(self._session, "next_nonce").next_nonce(sender)

    def adopt(self, adoption: Adoption) -> None:
        with self._database.transaction(self._session, "adopt") as changes:
            changes.store.adopt(adoption)

    def adopted_at(self, sender: Address, nonce: int) -> BlockNumber | None:
        store = self._database.read(self._session, "adopted_at")
        return store.adopted_at(sender, nonce)

    def add_transaction(
        self, transaction: Signed, op_ids: Sequence[Hash32], *, head: BlockNumber
    ) -> None:
        with self._database.transaction(self._session, "add_transaction") as changes:
            changes.store.add_transaction(transaction, op_ids, head=head)

    def add_version(self, transaction: Signed, *, head: BlockNumber) -> None:
        with self._database.transaction(self._session, "add_version") as changes:
            changes.store.add_version(transaction, head=head)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        with self._database.transaction(self._session, "record") as changes:
            changes.store.record(outcomes)
