"""Rewind a chain past finality: facts, books and outcomes in one database transaction.

    facts      rows above the block are deleted, cursor and finality go back to it
    books      of every settlement that was posted from above it: reversed whole, next version
    payouts    outcomes that were seen above it are taken back; operations and what was signed stay
    gas        what is recorded of payout wallets above it is taken back, and recorded again
    payments   verdicts that rest on a block above it are reopened; what was claimed stays claimed
    epochs     stay as they were computed; those from above the block are named

The transaction runs in the session that holds the chain's lock, so no indexer writes meanwhile,
and a lost lock is a lost transaction. Then the indexer goes on from the block, and the worker posts
the books from their start block, both by their ordinary steps.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from contracts.evm import Address, BlockNumber
from indexer.adapters.rewind import FactsAbove, facts_above, rewind_facts
from indexer.adapters.store import chain_owner
from indexer.errors import ChainOwned
from scripts.errors import IndexerRuns
from scripts.settings import ChainSettings
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import LedgerReads, books_of
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.rewind import BookRewound, is_above, rewind
from settlement.payments.adapters.retraction import reopen_verdicts, verdicts_above
from settlement.payouts.adapters.gas import retract_gas
from settlement.payouts.adapters.retraction import hold_payouts, outcomes_above, retract_outcomes
from settlement.royalties.adapters.attempts import ComputedAttempt, ComputedAttempts


@dataclass(frozen=True, slots=True, kw_only=True)
class RewindReport:
    """What a rewind removes, reverses and takes back, or would.

    `operations` counts payout operations whose outcomes are taken back, `payments` submissions
    whose last verdict is reopened. `epochs` are attempts that were computed from what is removed,
    by contract.
    """

    facts: FactsAbove
    books: tuple[BookRewound, ...]
    operations: int
    payments: int
    epochs: tuple[tuple[Address, ComputedAttempt], ...]


@contextmanager
def rewinding(engine: Engine, chain: ChainSettings) -> Iterator[Connection]:
    """One transaction as the chain's one owner, with no payout being submitted.

    Raises:
        IndexerRuns: the chain has an owner.
        PayoutsOwnedElsewhere: payouts are being submitted right now.
    """
    try:
        with chain_owner(engine, chain.id) as connection, connection.begin():
            hold_payouts(connection, chain.id)
            yield connection
    except ChainOwned as error:
        raise IndexerRuns(chain.name) from error


def rewind_planned(db_tx: Connection, chain: ChainSettings, to: BlockNumber) -> RewindReport:
    """What a rewind to a block would do; writes nothing.

    Raises:
        RewindRefused: the block is not in the index, or nothing is above it.
    """
    facts = facts_above(db_tx, chain.id, to)
    return RewindReport(
        facts=facts,
        books=tuple(_to_rewind(db_tx, book) for book in _books_above(db_tx, chain, facts)),
        operations=outcomes_above(db_tx, chain.id, to),
        payments=verdicts_above(db_tx, chain.id, to),
        epochs=_computed_above(db_tx, chain, to),
    )


def rewind_chain(
    db_tx: Connection, chain: ChainSettings, to: BlockNumber, *, reason: str
) -> RewindReport:
    """Take back everything above a block; commits with the caller's transaction.

    Raises:
        RewindRefused: the block is not in the index, or nothing is above it.
        EntryConflict: the journal is not what was recorded.
    """
    facts = facts_above(db_tx, chain.id, to)
    operations = retract_outcomes(db_tx, chain.id, to)
    payments = reopen_verdicts(db_tx, chain.id, to)
    retract_gas(db_tx, chain.id, facts.to)
    rewound = [
        rewind(LedgerStore(db_tx, book), facts.to, reason=reason)
        for book in books_of(db_tx, chain.id)
    ]
    rewind_facts(db_tx, chain.id, facts, reason=reason)
    return RewindReport(
        facts=facts,
        books=tuple(book for book in rewound if book is not None),
        operations=operations,
        payments=payments,
        epochs=_computed_above(db_tx, chain, to),
    )


def _books_above(db_tx: Connection, chain: ChainSettings, facts: FactsAbove) -> list[Book]:
    books = books_of(db_tx, chain.id)
    return [book for book in books if is_above(LedgerStore(db_tx, book).cursor(), facts.to)]


def _to_rewind(db_tx: Connection, book: Book) -> BookRewound:
    version = LedgerStore(db_tx, book).version() + 1
    return BookRewound(book=book, version=version, entries=LedgerReads(db_tx, book).standing())


def _computed_above(
    db_tx: Connection, chain: ChainSettings, to: BlockNumber
) -> tuple[tuple[Address, ComputedAttempt], ...]:
    attempts = ComputedAttempts(db_tx)
    contracts: Sequence[Address] = [one.payouts for one in chain.settlements]
    return tuple(
        (contract, attempt)
        for contract in contracts
        for attempt in attempts.above(to, chain_id=chain.id, contract=contract)
    )
