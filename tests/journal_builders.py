"""Builders of journal entries and of the exports made from them, without a database."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.evm import (
    Address,
    BlockNumber,
    ChainId,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.units import BaseUnits
from reconciliation.beancount import BeancountSource, BookedBalance
from reconciliation.gas_parts import Carried, gas_parts
from reconciliation.journal_exports import BookedEntry
from reconciliation.period import Period, date_of
from settlement.ledger import accounts
from settlement.ledger.accounts import Account, Book
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    log_source,
    reservation_source,
)

CHAIN_ID = ChainId(31337)
BOOK = Book(chain_id=CHAIN_ID, contract=Address(b"\xee" * 20))
SPLITTER = Book(chain_id=CHAIN_ID, contract=Address(b"\xcc" * 20))
WALLET = Book(chain_id=CHAIN_ID, contract=Address(b"\x77" * 20))
USD, EUR, COIN = Address(b"\xaa" * 20), Address(b"\xbb" * 20), Address(bytes(20))
ALICE, BOB = Address(b"\x01" * 20), Address(b"\x02" * 20)
WORK = Hash32.from_int(7)
PAYABLE = accounts.payable(epoch=Epoch(3), work_id=WORK, part=0, payee=ALICE)


def posting(debit: Account, credit: Account, amount: int, asset: Address = USD) -> Posting:
    return Posting(asset=asset, amount=BaseUnits(amount), debit=debit, credit=credit)


def entry(
    *postings: Posting, block: int = 1, at: int = 1_000_000, log_index: int = 0, version: int = 0
) -> JournalEntry:
    """A posted entry of a log."""
    return JournalEntry(
        source=log_source(LogRef(CHAIN_ID, BlockNumber(block), LogIndex(log_index)), version),
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=Timestamp(at),
        effective_block=BlockNumber(block),
        evidence=Evidence(
            block_number=BlockNumber(block), block_hash=keccak(block.to_bytes(8, "big"))
        ),
        postings=postings,
    )


def reservation(amount: int, *, at: int = 1_000_000) -> JournalEntry:
    """A pending entry without evidence."""
    return JournalEntry(
        source=reservation_source(Hash32.from_int(1), 1, 0),
        leg=0,
        status=EntryStatus.PENDING,
        effective_at=Timestamp(at),
        effective_block=BlockNumber(1),
        evidence=None,
        postings=(posting(PAYABLE, accounts.IN_TRANSIT, amount),),
    )


def booked(one: JournalEntry, book: Book = BOOK, carried: Sequence[Carried] = ()) -> BookedEntry:
    year, month, _ = date_of(one.effective_at).split("-")
    return BookedEntry(
        book=book,
        month=int(year + month),
        entry_id=one.id,
        content_digest=one.content_digest,
        entry=one,
        gas_for=gas_parts(one, carried),
    )


@dataclass
class MemoryJournal:
    """Some booked entries, cut at a period as the database cuts them (by time)."""

    entries: Sequence[BookedEntry]
    period: Period

    def source(self) -> BeancountSource:
        return BeancountSource(
            period=self.period,
            assets=lambda: sorted({one.asset for each in self.entries for one in self._of(each)}),
            opening=lambda: (one for one in self._balances(self.period.start) if one.net),
            entries=self.inside,
            closing=lambda: self._balances(self.period.end),
        )

    def inside(self) -> list[BookedEntry]:
        found = [
            each
            for each in self.entries
            if self.period.start <= each.entry.effective_at < self.period.end
        ]
        return sorted(found, key=lambda each: (each.entry.effective_at, each.entry.id))

    def totals(self) -> dict[tuple[Book, str, Address], int]:
        """Debits less credits of every account at the end of the period."""
        return {(one.book, one.account.path, one.asset): one.net for one in self._closing()}

    def _closing(self) -> Iterable[BookedBalance]:
        return self._balances(self.period.end)

    def _of(self, each: BookedEntry) -> Sequence[Posting]:
        return each.entry.postings

    def _balances(self, end: Timestamp) -> list[BookedBalance]:
        sums: Counter[tuple[Book, Account, Address]] = Counter()
        for each in self.entries:
            if each.entry.status is EntryStatus.POSTED and each.entry.effective_at < end:
                for one in each.entry.postings:
                    sums[each.book, one.debit, one.asset] += one.amount
                    sums[each.book, one.credit, one.asset] -= one.amount
        places = sorted(sums, key=lambda key: (key[0].contract, key[1].path, key[2]))
        return [
            BookedBalance(book=key[0], account=key[1], asset=key[2], net=sums[key])
            for key in places
        ]
