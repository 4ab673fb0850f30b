"""The books of a settlement beside those of its epochs: which there are, and posting all of them.

Each payment contract and each payout wallet has its own. One that halts, because two facts about it
disagree, does not keep the others from being posted.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from contracts.payment_events import LinePaid, LineUnclaimed
from indexer.adapters.book_reads import BOOKED_CONTRACTS, BookFacts
from indexer.adapters.reads import FactReads
from settlement.errors import Corrupt
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import books_of
from settlement.ledger.adapters.seals import SealStore
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.gas import GasFacts
from settlement.ledger.post_payments import BookEvent, PaymentFacts, post_payments_step
from settlement.ledger.sealing import seal_step
from settlement.payouts.adapters.documents import SqlDocuments

log = logging.getLogger(__name__)

_BLOCKS_MAX = 1_000
_ENTRIES_MAX = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSource:
    """One book, and what it is posted from, in the transaction that posts."""

    book: Book
    start_block: BlockNumber
    facts: Callable[[Connection], PaymentFacts]
    accepted: Callable[[Connection], Sequence[AcceptedDocument]]


class WalletFacts:
    """The transactions of a payout wallet as facts of its book."""

    def __init__(self, reads: FactReads, gas: GasFacts) -> None:
        self._reads, self._gas = reads, gas

    def finalized(self) -> BlockRef | None:
        """The block up to which every transaction of the wallet was observed, and is indexed."""
        observed, indexed = self._gas.finalized(), self._reads.finalized()
        if observed is None or indexed is None:
            return None
        return min(observed, indexed, key=lambda block: block.number)

    def block(self, number: BlockNumber) -> BlockRef | None:
        """The indexed block of this number."""
        return self._reads.block(number)

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        """The highest block with an earlier timestamp, not above `upto`."""
        return self._reads.highest_block_before(timestamp, upto)

    def events(self, after: BlockNumber, upto: BlockRef) -> Sequence[BookEvent]:
        """What the wallet began with, and its transactions, of blocks (after, upto]."""
        opened = self._gas.opened()
        if opened is None:
            return ()
        spent = self._gas.spent(after, upto)
        return [opened, *spent] if after < opened.block.number <= upto.number else spent

    def line_ends(
        self, op_ids: Sequence[Hash32], upto: BlockRef
    ) -> Sequence[LinePaid | LineUnclaimed]:
        """A wallet owes no lines."""
        return ()


def books_of_settlement(
    connection: Connection, settlement: Settlement, settlements: Sequence[Settlement]
) -> list[Book]:
    """The books of a settlement in which anything was ever posted.

    A wallet may pay for several settlements of a chain: its book is with the first of them.
    """
    neighbours = [one for one in settlements if one.chain_id == settlement.chain_id]
    others = {address for one in neighbours if one != settlement for address in _contracts(one)}
    own, is_first = _contracts(settlement), neighbours[:1] == [settlement]
    return [
        book
        for book in books_of(connection, settlement.chain_id)
        if book.contract in own or (is_first and book.contract not in others)
    ]


def payment_sources(settlement: Settlement) -> list[BookSource]:
    """The books of payment contracts; only the batch contract pays lines of documents."""
    return [_payment_source(settlement, name) for name in _booked(settlement)]


def _payment_source(settlement: Settlement, name: ContractName) -> BookSource:
    chain_id, address = settlement.chain_id, settlement.payments[name]

    def accepted(connection: Connection) -> Sequence[AcceptedDocument]:
        if name is not ContractName.PAYOUT_BATCH:
            return ()
        return SqlDocuments(connection, chain_id, address).accepted()

    return BookSource(
        book=Book(chain_id=chain_id, contract=address),
        start_block=settlement.start_block,
        facts=lambda connection: BookFacts(connection, settlement, name),
        accepted=accepted,
    )


def wallet_source(
    settlement: Settlement,
    wallet: Address,
    gas: Callable[[Connection], GasFacts],
    *,
    start_block: BlockNumber,
) -> BookSource:
    """The book of a payout wallet, which may pay for several settlements of a chain.

    `start_block` is the lowest of theirs.
    """
    return BookSource(
        book=Book(chain_id=settlement.chain_id, contract=wallet),
        start_block=start_block,
        facts=lambda connection: WalletFacts(FactReads(connection, settlement), gas(connection)),
        accepted=lambda connection: (),
    )


def post_books(engine: Engine, settlement: Settlement, sources: Sequence[BookSource]) -> None:
    """Post each book until it is caught up.

    Raises:
        Corrupt: the first of what halted a book; the others are posted all the same.
    """
    failures: list[Corrupt] = []
    for source in sources:
        try:
            _post(engine, source)
        except Corrupt as error:
            about = {"settlement": settlement.name, "contract": str(source.book.contract)}
            log.error("book halted", extra=about | {"error": str(error)})  # noqa: TRY400
            failures.append(error)
    for failure in failures:
        raise failure


def seal_books(engine: Engine, settlement: Settlement, settlements: Sequence[Settlement]) -> None:
    """Number and seal the books of a settlement, by its epochs.

    Raises:
        Corrupt: an entry is not what was recorded.
    """
    with engine.begin() as connection:
        clock = FactReads(connection, settlement).clock()
        books = books_of_settlement(connection, settlement, settlements)
    if clock is None:
        return
    for book in books:
        is_caught_up = False
        while not is_caught_up:
            with engine.begin() as connection:
                step = seal_step(SealStore(connection, book), clock, entries_max=_ENTRIES_MAX)
            is_caught_up = step.is_caught_up


def _post(engine: Engine, source: BookSource) -> None:
    is_caught_up = False
    while not is_caught_up:
        with engine.begin() as connection:
            posted = post_payments_step(
                source.facts(connection),
                source.accepted(connection),
                LedgerStore(connection, source.book),
                start_block=source.start_block,
                blocks_max=_BLOCKS_MAX,
            )
        is_caught_up = posted.is_caught_up


def _contracts(settlement: Settlement) -> set[Address]:
    return {settlement.payouts, *_booked(settlement).values()}


def _booked(settlement: Settlement) -> dict[ContractName, Address]:
    return {
        name: settlement.payments[name] for name in BOOKED_CONTRACTS if name in settlement.payments
    }
