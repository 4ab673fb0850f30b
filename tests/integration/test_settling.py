"""The day that an epoch may take, read from the facts of a settlement.

Subjects: scripts.settling, indexer.adapters.reads.FactReads.veto_window.
"""

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, update
from sqlmodel import SQLModel

from contracts.events import SETTLEMENT_STARTED
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, FACTS
from scripts.settling import settling_time, warn_if_late
from settlement.royalties.adapters import tables
from settlement.royalties.settling_time import APPROVAL_S, LIMIT_S, SettlingTime
from tests.postgres_facts import FACT_DATABASE
from tests.royalties_builders import CLOCK, SETTLEMENT
from tests.two_epochs import store, two_epochs

VETO = FACTS[SETTLEMENT_STARTED.table]


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    engine = create_engine(empty_database.replace("postgresql://", "postgresql+psycopg://", 1))
    SQLModel.metadata.create_all(engine, (*FACT_DATABASE, *tables.TABLES))
    yield engine
    engine.dispose()


def with_veto_window(engine: Engine, seconds: int) -> None:
    with engine.begin() as connection:
        assert connection.execute(update(VETO).values(veto_window=seconds)).rowcount == 1


def test_settling_time__nothing_indexed__not_known(engine: Engine) -> None:
    with engine.begin() as connection:
        assert settling_time(connection, SETTLEMENT) is None
        assert not warn_if_late(connection, SETTLEMENT)


def test_warn_if_late__a_second_more_than_a_day__said_with_all_parts(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    chain, *computed = two_epochs()
    store(engine, chain, *computed)
    lag = _finalized_before_head(engine)
    rest = LIMIT_S - CLOCK.grace - APPROVAL_S - lag

    with_veto_window(engine, rest)
    with engine.begin() as connection:
        assert warn_if_late(connection, SETTLEMENT)
    assert not caplog.records

    with_veto_window(engine, rest + 1)
    with engine.begin() as connection:
        assert warn_if_late(connection, SETTLEMENT)
        assert settling_time(connection, SETTLEMENT) == SettlingTime(
            grace_s=CLOCK.grace, finality_lag_s=lag, veto_window_s=rest + 1
        )
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert said.getMessage() == "epochs cannot be paid within a day of their end"
    assert vars(said)["needed"].endswith(f"veto window {rest + 1} s = {LIMIT_S + 1} s")


def _finalized_before_head(engine: Engine) -> int:
    """Move the finalized block one below the head; the seconds between the two."""
    with engine.begin() as connection:
        newest = BLOCK.select().order_by(BLOCK.c.number.desc()).limit(2)
        head, before = connection.execute(newest).all()
        moved = update(CHAIN_FINALITY).values(number=before.number, hash=before.hash)
        assert connection.execute(moved).rowcount == 1
    return int(head.timestamp - before.timestamp)
