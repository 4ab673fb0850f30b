"""Facts of a contract that is added to an index later: who waits for them, and who reads again.

Subjects: scripts.late_facts, indexer.adapters.sources, the finalized block of FactReads, BookFacts.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
from sqlalchemy import insert

from contracts.event_spec import ContractName
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber, Hash32, keccak
from indexer.adapters.book_reads import BookFacts
from indexer.adapters.reads import FactReads
from indexer.adapters.sources import list_sources
from indexer.adapters.tables import FACTS
from indexer.errors import LateFactsRefused
from scripts.bookkeeping import payment_sources, post_books
from scripts.bootstrap import open_database
from scripts.late_facts import read_again
from settlement.ledger.accounts import FLOAT, Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.payments.adapters.watch import SqlWatch
from tests.ledger_builders import ALICE, ASSET, CHAIN_ID
from tests.statement_world import SETTLEMENT, StatementWorld

BATCH = Address(keccak(b"batch")[:20])
TIPS = Address(keccak(b"tips")[:20])
SHOP = replace(
    SETTLEMENT,
    payments={ContractName.PAYOUT_BATCH: BATCH, ContractName.TIP_SPLITTER: TIPS},
)
WITHOUT_BATCH = {one: name for one, name in SHOP.sources().items() if one != BATCH}


@pytest.fixture
def world(database: str) -> Iterator[StatementWorld]:
    """Nine final blocks, and a transfer to the batch contract in the fifth."""
    engine = open_database(database)
    world = StatementWorld(engine)
    for _ in range(9):
        world.chain.funded(5)
    world.post()
    place = {"chain_id": CHAIN_ID, "block_number": 5, "log_index": 99, "address": ASSET}
    moved = {"source": ALICE, "target": BATCH, "amount": 90}
    transaction = {"transaction_hash": Hash32(bytes(32)), "transaction_index": 0}
    with engine.begin() as connection:
        connection.execute(insert(FACTS[ERC20_TRANSFER.table]), place | moved | transaction)
    yield world
    engine.dispose()


def float_of_batch(world: StatementWorld) -> int:
    with world.engine.connect() as connection:
        reads = LedgerReads(connection, Book(chain_id=CHAIN_ID, contract=BATCH))
        debits, credits = reads.balances_at(FLOAT, None).get(ASSET, (0, 0))
    return credits - debits


def test_books__contract_that_is_being_added__wait_for_it(world: StatementWorld) -> None:
    with world.engine.begin() as connection:
        list_sources(connection, CHAIN_ID, WITHOUT_BATCH)
        assert BookFacts(connection, SHOP, ContractName.PAYOUT_BATCH).finalized() is None
        assert BookFacts(connection, SHOP, ContractName.TIP_SPLITTER).finalized() is not None
    post_books(world.engine, SHOP, payment_sources(SHOP))
    assert float_of_batch(world) == 0
    with world.engine.begin() as connection:
        read_again(connection, CHAIN_ID, [BATCH])
        list_sources(connection, CHAIN_ID, SHOP.sources())

    post_books(world.engine, SHOP, payment_sources(SHOP))

    assert float_of_batch(world) == 90


def test_books__token_that_is_being_added__the_batch_book_waits_for_it(
    world: StatementWorld,
) -> None:
    lacking = {one: name for one, name in SHOP.sources().items() if one != ASSET}
    with world.engine.begin() as connection:
        list_sources(connection, CHAIN_ID, lacking)

        assert BookFacts(connection, SHOP, ContractName.PAYOUT_BATCH).finalized() is None
        assert BookFacts(connection, SHOP, ContractName.TIP_SPLITTER).finalized() is not None


def test_finalized__settlement_that_is_being_added__none(world: StatementWorld) -> None:
    lacking = {one: name for one, name in SHOP.sources().items() if one != SHOP.payouts}
    with world.engine.begin() as connection:
        assert FactReads(connection, SHOP).finalized() is not None
        list_sources(connection, CHAIN_ID, lacking)

        assert FactReads(connection, SHOP).finalized() is None
        assert BookFacts(connection, SHOP, ContractName.TIP_SPLITTER).finalized() is None


def test_read_again__payments_noted_up_to_a_block__begin_anew(world: StatementWorld) -> None:
    watch, other = (SqlWatch(world.engine, CHAIN_ID, [one]) for one in (TIPS, BATCH))
    for one in (watch, other):
        one.move_to(BlockNumber(7))

    with world.engine.begin() as connection:
        read_again(connection, CHAIN_ID, [TIPS])

    assert watch.looked_up_to() == -1
    assert other.looked_up_to() == 7


def test_read_again__book_that_went_ahead__refused_naming_the_way_out(
    world: StatementWorld,
) -> None:
    post_books(world.engine, SHOP, payment_sources(SHOP))

    with (
        world.engine.begin() as connection,
        pytest.raises(LateFactsRefused, match=r"the book of 0x.* chain rewind --to 8"),
    ):
        read_again(connection, CHAIN_ID, [BATCH])


@pytest.mark.parametrize("is_past", [False, True])
def test_read_again__token_sent_to_a_batch_contract__refused_where_its_book_is_past_it(
    world: StatementWorld, is_past: bool
) -> None:
    with world.engine.begin() as connection:
        list_sources(connection, CHAIN_ID, SHOP.sources())
    if is_past:
        post_books(world.engine, SHOP, payment_sources(SHOP))

    refusal = pytest.raises(LateFactsRefused, match=rf"{BATCH} has received token {ASSET}")
    with refusal if is_past else nullcontext(), world.engine.begin() as connection:
        read_again(connection, CHAIN_ID, [ASSET])
