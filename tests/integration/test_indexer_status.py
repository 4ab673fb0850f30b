"""The report of an indexer in the database: overwritten, counted in parts, never in the way.

Subjects: indexer.adapters.status, scripts.status_reporter.
"""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, RowMapping, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from contracts.evm import BlockNumber, ChainId, keccak
from indexer.adapters.status import INDEXER_STATUS, SqlStatus
from indexer.adapters.tables import BLOCK
from indexer.blocks import Proof
from indexer.endpoint_health import EndpointHealth, ErrorClass
from indexer.errors import StoreUnavailable
from indexer.levels import Level
from indexer.status import Coverage, IndexerStatus, State, Tally
from scripts.bootstrap import open_database
from scripts.status_reporter import CoverageCount, Reporter

CHAIN_ID, OTHER_CHAIN = ChainId(31337), ChainId(5)
NOTHING = Coverage(end_block=BlockNumber(0))
LIMIT_S = 60


@pytest.fixture
def store(engine: Engine) -> SqlStatus:
    return SqlStatus(engine, CHAIN_ID)


def tally(*, finalized: int | None = None, state: State = State.SYNCING, proved: int = 0) -> Tally:
    return Tally(
        began_ms=0,
        moved_at_ms=0,
        height=None if finalized is None else BlockNumber(finalized + 1),
        finalized=None if finalized is None else BlockNumber(finalized),
        state=state,
        proved=proved,
    )


def status(now: Tally, *, reason: str | None = None, coverage: Coverage = NOTHING) -> IndexerStatus:
    return IndexerStatus(
        chain_id=CHAIN_ID,
        level=Level.HEADERS,
        state=now.state,
        reason=reason,
        tally=now,
        coverage=coverage,
        endpoints=(EndpointHealth(host="a", requests=3, errors={ErrorClass.MISSING: 1}),),
    )


def index_blocks(engine: Engine, proofs: list[Proof], *, chain_id: ChainId = CHAIN_ID) -> None:
    """Blocks from 0 up, proved so."""
    rows = [
        {
            "chain_id": chain_id,
            "number": number,
            "hash": keccak(b"%d" % number),
            "parent_hash": keccak(b"%d" % (number - 1)),
            "timestamp": number,
            "header": b"",
            "rows_digest": keccak(b"rows"),
            "proof": proof.value,
        }
        for number, proof in enumerate(proofs)
    ]
    with engine.begin() as connection:
        connection.execute(insert(BLOCK), rows)


def stored(engine: Engine) -> list[RowMapping]:
    with engine.connect() as connection:
        return list(connection.execute(select(INDEXER_STATUS)).mappings())


def until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(LIMIT_S * 50):
        if condition():
            return
        waiting.wait(0.02)
    raise AssertionError("it did not happen in time")


def test_write__twice__one_row_with_the_last(engine: Engine, store: SqlStatus) -> None:
    store.write(status(tally(), reason="too many logs"))
    (first,) = stored(engine)
    store.write(status(tally(finalized=7, state=State.SYNCED)))

    (second,) = stored(engine)

    assert (first["state"], first["reason"], first["height"]) == ("syncing", "too many logs", None)
    assert (second["state"], second["reason"], second["level"]) == ("synced", None, "headers")
    assert (second["height"], second["finalized"]) == (8, 7)
    assert second["updated_at"] > first["updated_at"]
    assert second["counters"]["endpoints"] == [
        {"host": "a", "requests": 3, "errors": {"missing": 1}}
    ]


def test_write__state_that_nobody_knows__refused(engine: Engine, store: SqlStatus) -> None:
    store.write(status(tally()))

    with engine.begin() as connection, pytest.raises(IntegrityError, match="state_is_known"):
        connection.execute(update(INDEXER_STATUS).values(state="asleep"))


def test_counted__finalized_blocks__by_proof_and_of_this_chain(
    engine: Engine, store: SqlStatus
) -> None:
    index_blocks(engine, [Proof.EMPTY, Proof.RECEIPTS, Proof.EMPTY, Proof.STATED, Proof.EMPTY])
    index_blocks(engine, [Proof.CORROBORATED] * 5, chain_id=OTHER_CHAIN)

    some = store.counted(NOTHING, BlockNumber(1))
    more = store.counted(some, BlockNumber(3))

    assert (some.end_block, more.end_block) == (2, 4)
    assert {proof: count for proof, count in more.blocks.items() if count} == {
        Proof.EMPTY: 2,
        Proof.RECEIPTS: 1,
        Proof.STATED: 1,
    }
    assert store.counted(more, BlockNumber(3)) == more


def test_counted__far_behind__a_bounded_part_at_a_time(store: SqlStatus) -> None:
    first = store.counted(NOTHING, BlockNumber(250_000))
    second = store.counted(first, BlockNumber(250_000))
    third = store.counted(second, BlockNumber(250_000))

    assert [one.end_block for one in (first, second, third)] == [100_000, 200_000, 250_001]


def test_coverage__blocks_proved_afterwards__counted_anew(engine: Engine, store: SqlStatus) -> None:
    index_blocks(engine, [Proof.STATED] * 4)
    count = CoverageCount(store.counted, BlockNumber(0))
    before = count.grown(tally(finalized=3))
    with engine.begin() as connection:
        connection.execute(
            update(BLOCK).where(BLOCK.c.number < 3).values(proof=Proof.RECEIPTS.value)
        )

    meanwhile = count.grown(tally(finalized=3, proved=3))
    after = count.grown(tally(finalized=3, proved=3))

    assert (before.blocks[Proof.STATED], before.blocks[Proof.RECEIPTS]) == (4, 0)
    assert meanwhile == before
    assert (after.blocks[Proof.STATED], after.blocks[Proof.RECEIPTS]) == (1, 3)


def test_place__nothing_indexed__nowhere(store: SqlStatus) -> None:
    assert store.place() == (None, None)


def test_store__database_away__unavailable() -> None:
    engine = open_database("postgresql:///none?host=/nonexistent")
    store = SqlStatus(engine, CHAIN_ID)

    for question in (
        store.place,
        lambda: store.write(status(tally())),
        lambda: store.counted(NOTHING, BlockNumber(1)),
    ):
        with pytest.raises(StoreUnavailable):
            question()


def test_reporter__while_it_lasts__state_changes_at_once_and_the_end_too(
    engine: Engine, store: SqlStatus
) -> None:
    now = [tally()]

    def states() -> list[str]:
        return [row["state"] for row in stored(engine)]

    with Reporter(
        store, lambda coverage: status(now[0], coverage=coverage), start_block=BlockNumber(0)
    ) as reporter:
        until(lambda: states() == ["syncing"])
        now[0] = tally(state=State.WAITING)
        reporter.state_changed()
        until(lambda: states() == ["waiting"])
        now[0] = tally(state=State.HALTED)

    assert states() == ["halted"]


def test_reporter__step_hangs__reports_go_on(engine: Engine, store: SqlStatus) -> None:
    with Reporter(
        store, lambda coverage: status(tally(), coverage=coverage), start_block=BlockNumber(0)
    ):
        until(lambda: len(stored(engine)) == 1)
        with engine.begin() as connection:
            connection.execute(delete(INDEXER_STATUS))

        until(lambda: len(stored(engine)) == 1)


def test_reporter__table_locked__warns_and_tries_again(
    engine: Engine, store: SqlStatus, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.connect() as connection, connection.begin() as locked:
        connection.execute(text("LOCK TABLE indexer_status"))
        with Reporter(
            store, lambda coverage: status(tally(), coverage=coverage), start_block=BlockNumber(0)
        ):
            until(lambda: "the status was not stored" in caplog.messages)
            locked.rollback()

            until(lambda: len(stored(engine)) == 1)
