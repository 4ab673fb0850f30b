"""The store on a real Postgres: the shared contract, its own records, and its one owner."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    create_engine,
    func,
    insert,
    select,
    text,
    update,
)

from contracts.event_spec import EventSpec
from contracts.events import EVENTS
from contracts.evm import BlockNumber, ChainId
from indexer.adapters.load import driver
from indexer.adapters.store import PostgresFacts, owned_chain
from indexer.adapters.tables import BLOCK, CURSOR, FACT_TABLES, REORG
from indexer.errors import (
    ChainOwned,
    IndexDamaged,
    OwnershipLost,
    SchemaMissing,
    StoreUnavailable,
)
from scripts.embedded.postgres import PostgresServer
from tests import abi_values
from tests.builders_chain import eventful_chain
from tests.fact_store_contract import FactStoreContract, Take, extension, ref, replacement
from tests.fakes_chain import CHAIN_ID, TOKEN, FakeChain, log_of, plan
from tests.fakes_facts import MemoryFacts
from tests.postgres_facts import fact_engine, snapshot, synced


@pytest.fixture
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    with fact_engine(postgres_server.url("facts")) as engine:
        yield engine


@pytest.fixture
def store(engine: Engine) -> Iterator[PostgresFacts]:
    with owned_chain(engine, CHAIN_ID) as store:
        yield store


@pytest.fixture
def reader(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@pytest.fixture
def chain() -> FakeChain:
    return eventful_chain(10)


class TestPostgresFacts(FactStoreContract):
    @pytest.fixture
    def take(self, reader: Connection) -> Take:
        return lambda: snapshot(reader)


def test_tables__registry__every_event_block_log_and_reading() -> None:
    names = [fact.table.name for fact in FACT_TABLES]

    events = [spec.table for spec in EVENTS]
    beside = ["gate_reading", "gate_admission", "backfill_block", "backfill_log"]
    assert names == ["block", "log", *events, *beside]
    assert all(fact.height.table is fact.table for fact in FACT_TABLES)


def test_index__fake_and_real_store__same_facts(store: PostgresFacts, reader: Connection) -> None:
    chain, memory = eventful_chain(40), MemoryFacts()

    for facts in (store, memory):
        synced(plan(), chain, facts)
    chain.reorg(5, *[block.logs for block in chain.canonical[1:9]])
    for facts in (store, memory):
        synced(plan(), chain, facts)

    assert snapshot(reader) == memory.snapshot()
    assert store.local_chain() == memory.local_chain()


@pytest.mark.parametrize("spec", EVENTS, ids=[spec.name for spec in EVENTS])
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_extend__any_event__read_back_as_decoded(
    store: PostgresFacts, reader: Connection, spec: EventSpec, data: st.DataObject
) -> None:
    chain, memory = FakeChain(), MemoryFacts()
    chain.mine([log_of(spec, TOKEN, data.draw(abi_values.event_values(spec)))])
    of = replace(plan(), sources={TOKEN: spec.contract})

    for facts in (store, memory):
        synced(of, chain, facts)
    taken = snapshot(reader)
    store.replace(replacement(chain, head=1, ancestor=None))

    assert taken == memory.snapshot()
    assert len(taken[spec.table]) == 1


def test_replace__reorg_row__says_what_was_removed(
    store: PostgresFacts, reader: Connection, chain: FakeChain
) -> None:
    store.extend(extension(chain, 0, 5, on=None))
    store.extend(extension(chain, 5, 9, on=ref(chain, 4)))
    old = ref(chain, 8)

    removed = store.replace(replacement(chain, head=8, ancestor=4, new_head=ref(chain, 9)))

    row = reader.execute(select(REORG)).mappings().one()
    assert (row["chain_id"], row["depth_blocks"], row["removed"]) == (CHAIN_ID, 4, removed)
    assert (row["ancestor_number"], row["ancestor_hash"]) == (4, ref(chain, 4).hash)
    assert (row["old_head_number"], row["old_head_hash"]) == (8, old.hash)
    assert (row["new_head_number"], row["new_head_hash"]) == (9, ref(chain, 9).hash)
    assert row["detected_at"] is not None


def test_replace__other_chain_in_the_same_database__untouched(
    engine: Engine, store: PostgresFacts, reader: Connection, chain: FakeChain
) -> None:
    other = ChainId(CHAIN_ID + 1)
    with owned_chain(engine, other) as second:
        second.extend(extension(chain, 0, 9, on=None))
        store.extend(extension(chain, 0, 9, on=None))
        store.replace(replacement(chain, head=8, ancestor=2))

        assert second.block(BlockNumber(8)) == ref(chain, 8)
        assert store.block(BlockNumber(8)) is None
    count = reader.scalar(select(func.count()).select_from(BLOCK))
    assert count == 9 + 3


def test_owned_chain__second_owner__refused_until_the_first_ends(engine: Engine) -> None:
    with owned_chain(engine, CHAIN_ID):
        second = owned_chain(engine, CHAIN_ID)
        with pytest.raises(ChainOwned, match="another process already indexes chain 31337"):
            second.__enter__()
        with owned_chain(engine, ChainId(1)):
            pass
    with owned_chain(engine, CHAIN_ID):
        pass


def test_owned_chain__connection_lost__every_later_write_fails(
    engine: Engine, reader: Connection, chain: FakeChain
) -> None:
    with owned_chain(engine, CHAIN_ID) as store:
        store.extend(extension(chain, 0, 4, on=None))
        reader.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )

        with pytest.raises(OwnershipLost):
            store.extend(extension(chain, 4, 6, on=ref(chain, 3)))
        with pytest.raises(OwnershipLost):
            store.local_chain()
        with owned_chain(engine, CHAIN_ID) as successor:
            assert successor.local_chain().head == ref(chain, 3)
            with pytest.raises(OwnershipLost):
                store.extend(extension(chain, 4, 6, on=ref(chain, 3)))


@pytest.mark.parametrize("moment", ["IMMEDIATE", "DEFERRED"])
def test_extend__server_dies_while_it_stores_or_commits__nothing_kept_and_goes_on(
    engine: Engine, reader: Connection, chain: FakeChain, moment: str
) -> None:
    more = extension(chain, 4, 6, on=ref(chain, 3))
    with owned_chain(engine, CHAIN_ID) as store:
        store.extend(extension(chain, 0, 4, on=None))
        held = snapshot(reader)
        reader.execute(text(_DIES))
        reader.execute(
            text(
                "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON block"
                f" DEFERRABLE INITIALLY {moment} FOR EACH ROW EXECUTE FUNCTION dies()"
            )
        )
        try:
            with pytest.raises(OwnershipLost):
                store.extend(more)
        finally:
            reader.execute(text("DROP FUNCTION dies CASCADE"))

    assert snapshot(reader) == held
    with owned_chain(engine, CHAIN_ID) as successor:
        successor.extend(more)
        assert successor.local_chain().head == ref(chain, 5)


_DIES = """
    CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'
"""
"""Ends the session of whoever inserts, at once or when it commits."""


def test_owned_chain__no_server__unavailable(tmp_path: object) -> None:
    engine = create_engine(f"postgresql+psycopg:///none?host={tmp_path}")

    with pytest.raises(StoreUnavailable), owned_chain(engine, CHAIN_ID):
        pass


def test_driver__engine_of_another_database__refused() -> None:
    engine = create_engine("sqlite://")

    with (
        engine.connect() as connection,
        pytest.raises(TypeError, match="must be psycopg, not sqlite3"),
    ):
        driver(connection)
    engine.dispose()


def test_store__no_tables__says_migrate(empty_database: str) -> None:
    engine = create_engine(empty_database.replace("postgresql://", "postgresql+psycopg://", 1))

    with owned_chain(engine, CHAIN_ID) as store, pytest.raises(SchemaMissing, match="migrated"):
        store.local_chain()
    engine.dispose()


@pytest.mark.parametrize(
    "damage",
    [
        update(CURSOR).values(number=7),
        update(CURSOR).values(hash=b"\x01" * 32),
        update(BLOCK).where(BLOCK.c.number == 6).values(parent_hash=b"\x01" * 32),
        BLOCK.delete().where(BLOCK.c.number == 6),
        BLOCK.delete().where(BLOCK.c.number == 3),
        insert(BLOCK).values(
            chain_id=CHAIN_ID,
            number=20,
            hash=b"\x01" * 32,
            parent_hash=b"\x01" * 32,
            timestamp=1,
            header=b"",
            rows_digest=b"\x01" * 32,
            proof=0,
        ),
    ],
)
def test_local_chain__rows_that_contradict__damaged(
    store: PostgresFacts, reader: Connection, chain: FakeChain, damage: Executable
) -> None:
    store.extend(extension(chain, 0, 9, on=None, finalized=3))
    reader.execute(damage)

    with pytest.raises(IndexDamaged):
        store.local_chain()


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("fact_work_registered", "(1, 1, 1, '\\x01', '\\x', '\\x', '\\x')"),
        ("block", "(1, 1, '\\x', '\\x', 1, '\\x', '\\x', 4)"),
        ("fact_epoch_vetoed", "(1, -1, 1, '\\x', 1, 1, '\\x', '\\x')"),
    ],
)
def test_tables__value_out_of_range__refused_by_postgres(
    reader: Connection, table: str, values: str
) -> None:
    with pytest.raises(Exception, match="_in_range"):
        reader.execute(text(f"INSERT INTO {table} VALUES {values}"))  # noqa: S608
