"""What is stored says every raw log again, and a row that was tampered with is found."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, Executable, delete, text, update

from contracts.events import ERC20_TRANSFER
from contracts.evm import BlockNumber
from indexer.adapters.store import PostgresFacts, owned_chain
from indexer.adapters.stored_logs import audit_rows, stored_logs
from indexer.adapters.tables import FACTS, LOG
from indexer.errors import NotIndexed
from indexer.ranges import BlockRange
from indexer.rows_digest import range_digest
from scripts.embedded.postgres import PostgresServer
from tests.builders_chain import eventful_chain
from tests.fact_store_contract import blocks_of, extension, logs_of
from tests.fakes_chain import CHAIN_ID, FakeChain
from tests.postgres_facts import fact_engine

LENGTH = 130  # more than one part
ALL = BlockRange(BlockNumber(0), BlockNumber(LENGTH))
TRANSFERS = FACTS[ERC20_TRANSFER.table]


@pytest.fixture(scope="module")
def chain() -> FakeChain:
    return eventful_chain(LENGTH)


@pytest.fixture
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("stored_logs")) as engine:
        yield engine


@pytest.fixture
def store(engine: Engine, chain: FakeChain) -> Iterator[PostgresFacts]:
    with owned_chain(engine, CHAIN_ID) as store:
        store.extend(extension(chain, 0, LENGTH, on=None))
        yield store


@pytest.fixture
def connection(engine: Engine, store: PostgresFacts) -> Iterator[Connection]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def test_stored_logs__any_range__as_they_were_read(
    connection: Connection, chain: FakeChain
) -> None:
    for start, end in ((0, LENGTH), (3, 4), (5, 23), (7, 7)):
        logs = stored_logs(connection, CHAIN_ID, BlockRange(BlockNumber(start), BlockNumber(end)))

        assert logs.rows() == logs_of(chain, start, end).rows()


def test_audit_rows__untouched__digest_of_the_node_and_no_difference(
    connection: Connection, chain: FakeChain
) -> None:
    audit = audit_rows(connection, CHAIN_ID, ALL)

    told = blocks_of(chain, 0, LENGTH)
    assert audit.rows_digest == range_digest(told.start, told.hash, told.rows_digest)
    assert audit.differing == ()


def test_audit_rows__a_block_is_not_stored__refused(connection: Connection) -> None:
    too_far = BlockRange(BlockNumber(0), BlockNumber(LENGTH + 3))

    with pytest.raises(NotIndexed, match="3 blocks"):
        audit_rows(connection, CHAIN_ID, too_far)


@pytest.mark.parametrize(
    ("damage", "blocks"),
    [
        (update(TRANSFERS).where(TRANSFERS.c.block_number == 5).values(amount=6), [5]),
        (update(TRANSFERS).where(TRANSFERS.c.block_number == 5).values(source=b"\1" * 20), [5]),
        (
            update(TRANSFERS)
            .where(TRANSFERS.c.block_number == 5)
            .values(source=TRANSFERS.c.target, target=TRANSFERS.c.source),
            [5],
        ),
        (update(TRANSFERS).where(TRANSFERS.c.block_number == 5).values(log_index=9), [5]),
        (update(TRANSFERS).where(TRANSFERS.c.block_number == 5).values(transaction_index=9), [5]),
        (delete(TRANSFERS).where(TRANSFERS.c.block_number == 125), [125]),
        (update(TRANSFERS).where(TRANSFERS.c.block_number == 5).values(block_number=4), [4, 5]),
        (update(LOG).where(LOG.c.block_number == 3).values(data=b""), [3]),
        (update(LOG).where(LOG.c.block_number == 3).values(topics=LOG.c.topics[1:1]), [3]),
        (delete(LOG).where(LOG.c.block_number == 6, LOG.c.log_index == 2), [6]),
        (
            text("UPDATE block SET rows_digest = decode(repeat('00', 32), 'hex')"),
            list(range(LENGTH)),
        ),
    ],
)
def test_audit_rows__rows_changed_behind_our_back__named(
    connection: Connection, damage: Executable, blocks: list[int]
) -> None:
    connection.execute(damage)

    assert list(audit_rows(connection, CHAIN_ID, ALL).differing) == blocks
