"""Facts that come late, because their contract was added to an index that was further already.

Whoever reads facts up to a cursor of its own has gone past them. In the transaction that adds them:

    payments   begin anew with these contracts; to note an event again changes nothing
    books      have waited for all that they are made of (`BookFacts.finalized`), and begin with it;
               one that has gone past a late fact never goes back: then nothing is added
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from contracts.event_spec import ContractName
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber, ChainId
from indexer.adapters.tables import FACTS, INDEXED_SOURCE
from indexer.errors import LateFactsRefused
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.reads import books_of
from settlement.ledger.adapters.store import LedgerStore
from settlement.payments.adapters.tables import PAYMENT_CURSOR


def read_again(db_tx: Connection, chain_id: ChainId, added: Sequence[Address]) -> None:
    """Have all facts of these contracts be read from their first block on.

    Raises:
        LateFactsRefused: a book was posted past one of them.
    """
    for book in books_of(db_tx, chain_id):
        _require_takes(db_tx, book, added)
    noted = PAYMENT_CURSOR.c
    db_tx.execute(
        delete(PAYMENT_CURSOR).where(noted.chain_id == chain_id, noted.contract.in_(added))
    )


def _require_takes(db_tx: Connection, book: Book, added: Sequence[Address]) -> None:
    """A book that was posted is not of an added contract, nor past a transfer of an added token."""
    store = LedgerStore(db_tx, book)
    store.lock()  # whoever is posting has read the facts before
    cursor = store.cursor()
    if cursor is None:
        return
    if book.contract in added:
        raise LateFactsRefused(book.chain_id, f"the book of {book.contract} ends", cursor.number)
    token = _token_received(db_tx, book, added, upto=cursor.number)
    if token is not None:
        what = f"{book.contract} has received token {token}, its book ends"
        raise LateFactsRefused(book.chain_id, what, cursor.number)


def _token_received(
    db_tx: Connection, book: Book, added: Sequence[Address], *, upto: BlockNumber
) -> Address | None:
    """An added token that was sent to a batch contract; books of others leave transfers out."""
    facts, source = FACTS[ERC20_TRANSFER.table].c, INDEXED_SOURCE.c
    is_batch = select(source.address).where(
        source.chain_id == book.chain_id,
        source.address == book.contract,
        source.contract == ContractName.PAYOUT_BATCH.value,
    )
    query = (
        select(facts.address)
        .where(facts.chain_id == book.chain_id, facts.address.in_(added))
        .where(facts.target == book.contract, facts.block_number <= upto, is_batch.exists())
        .limit(1)
    )
    token: Address | None = db_tx.execute(query).scalar()
    return token
