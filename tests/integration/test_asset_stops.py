"""The register of discrepancies in Postgres, and the payouts that it stops.

Subjects: reconciliation.adapters.store, reconciliation.adapters.tables,
reconciliation.adapters.stops, scripts.policed_chain.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.exc import DBAPIError

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, Timestamp
from reconciliation.adapters.stops import SqlAssetStops, Stops
from reconciliation.adapters.store import SqlRegister
from reconciliation.adapters.tables import EXPLANATION, TRANSITION
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.errors import BadResolution, UnknownDiscrepancy
from reconciliation.ports import Run
from reconciliation.register import LIVE, Status
from scripts.policed_chain import stop_objection
from settlement.payouts.operation import Operation
from tests.fakes_payout_chain import ASSET as PAID_ASSET
from tests.fakes_payout_chain import operation
from tests.payouts_settlement import database_engine

CHAIN_ID, CONTRACT = ChainId(31337), Address(b"\xc0" * 20)
ASSET, OTHER_ASSET = Address(b"\xaa" * 20), Address(b"\xab" * 20)
ENTRY = Hash32(b"\x0e" * 32)
FOUND = Discrepancy(
    kind=Kind.AMOUNT,
    subject="log 5/1",
    asset=ASSET,
    expected="5",
    actual="6",
    evidence=("entry", "log"),
    place=Place(block_number=5, log_index=1, entry_id=ENTRY),
)


def block(number: int) -> BlockRef:
    return BlockRef(
        number=BlockNumber(number),
        hash=Hash32.from_int(number),
        parent_hash=Hash32.from_int(number - 1),
        timestamp=Timestamp(1_000 * number),
    )


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """As the owner of the tables, whose triggers alone refuse a change."""
    engine = database_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def register(engine: Engine) -> SqlRegister:
    return SqlRegister(engine, CHAIN_ID, CONTRACT)


def record(
    register: SqlRegister, number: int, *found: Discrepancy, entry: Hash32 | None = None
) -> int:
    run = Run(block=block(number), checks=20, discrepancies=found)
    return register.record(run, lambda _: entry)


def stops(engine: Engine) -> Stops:
    with engine.connect() as connection:
        return SqlAssetStops(CHAIN_ID, CONTRACT).stopped(connection)


def statuses(register: SqlRegister) -> list[Status]:
    return [step.status for step in register.transitions(FOUND.id)]


def test_register__found_twice__one_standing_with_first_and_last_run(
    register: SqlRegister,
) -> None:
    first = record(register, 5, FOUND)
    last = record(register, 7, replace(FOUND, actual="8"))

    (one,) = register.standing(LIVE)

    assert (one.first_seen.run, one.last_seen.run, one.actual) == (first, last, "8")
    assert (one.place, one.asset, one.severity) == (FOUND.place, ASSET, "high")
    assert (one.opened_at, one.now, statuses(register)) == (5_000, 7_000, [Status.OPEN])
    assert SqlRegister(register._engine, CHAIN_ID, OTHER_ASSET).standing() == []


def test_register__gone_with_an_entry__resolved_by_it(register: SqlRegister) -> None:
    record(register, 5, FOUND)
    record(register, 6, entry=ENTRY)

    assert statuses(register) == [Status.OPEN, Status.RESOLVED]
    assert register.transitions(FOUND.id)[-1].entry_id == ENTRY


def test_register__gone_without_a_word__absent_until_somebody_explains(
    register: SqlRegister,
) -> None:
    record(register, 5, FOUND)
    record(register, 6)
    register.explain(FOUND.id, maker="ann", words="the node was behind")
    register.resolve(FOUND.id, checker="ben")

    assert statuses(register) == [
        *(Status.OPEN, Status.ABSENT, Status.EXPLAINED, Status.RESOLVED),
    ]
    assert [step.by for step in register.transitions(FOUND.id)] == [None, None, "ann", "ben"]


def test_register__explained_and_changed__open_again(register: SqlRegister) -> None:
    record(register, 5, FOUND)
    register.explain(FOUND.id, maker="ann", words="known")
    register.resolve(FOUND.id, checker="ben")
    record(register, 6, FOUND)
    same = register.one(FOUND.id).status
    record(register, 7, replace(FOUND, actual="9"))

    assert (same, register.one(FOUND.id).status) == (Status.RESOLVED, Status.OPEN)


def test_register__nobody_found_it_or_one_person__refused(register: SqlRegister) -> None:
    with pytest.raises(UnknownDiscrepancy):
        register.explain(FOUND.id, maker="ann", words="what")
    record(register, 5, FOUND)
    register.explain(FOUND.id, maker="ann", words="known")

    with pytest.raises(BadResolution):
        register.resolve(FOUND.id, checker="Ann")


def test_tables__author_accepts_in_sql__refused(engine: Engine, register: SqlRegister) -> None:
    """What the register refuses, Postgres refuses too."""
    record(register, 5, FOUND)
    key = {"chain_id": CHAIN_ID, "contract": CONTRACT, "discrepancy_id": FOUND.id}
    with engine.begin() as connection:
        values = {"content_digest": FOUND.content_digest, "maker": "ann", "explanation": "x"}
        number = connection.execute(
            insert(EXPLANATION).values(key | values).returning(EXPLANATION.c.id)
        ).scalar_one()
    step = {"status": "resolved", "at": 1, "person": " ANN ", "explanation_id": number}

    with pytest.raises(DBAPIError, match="another person"), engine.begin() as connection:
        connection.execute(insert(TRANSITION).values(key | step))


@pytest.mark.parametrize(
    "change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET chain_id = 1"]
)
@pytest.mark.parametrize("table", ["reconciliation_transition", "reconciliation_explanation"])
def test_tables__changed_by_sql__refused(engine: Engine, change: str, table: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.exec_driver_sql(change.format(table))


def test_stops__open_discrepancy__its_asset_until_it_is_resolved(
    engine: Engine, register: SqlRegister
) -> None:
    before = stops(engine)
    record(register, 5, FOUND)
    found = stops(engine)
    register.explain(FOUND.id, maker="ann", words="known")
    explained = stops(engine)
    register.resolve(FOUND.id, checker="ben")
    resolved = stops(engine)

    assert before.reason(ASSET) is None
    assert found.reason(ASSET) == "does not tie out: amount at log 5/1"
    assert (found.reason(OTHER_ASSET), explained.reason(ASSET)) == (None, found.reason(ASSET))
    assert resolved == Stops.none()


def test_stops__without_an_asset_or_of_time__all_or_nothing(
    engine: Engine, register: SqlRegister
) -> None:
    late = replace(FOUND, kind=Kind.TIMING, subject="late")
    record(register, 5, late)
    of_time = stops(engine)
    record(register, 6, replace(FOUND, kind=Kind.ROOT_MISMATCH, subject="epoch 1", asset=None))

    assert of_time == Stops.none()
    assert stops(engine).reason(OTHER_ASSET) == "does not tie out: root_mismatch at epoch 1"


def test_stop_objection__stopped_asset__nothing_of_it_is_signed() -> None:
    withdrawal: Operation = operation()
    stopped = Stops({PAID_ASSET: "does not tie out"}, None)

    objection = stop_objection(withdrawal, stopped)

    assert objection is not None
    assert objection.reason == "reconciliation: does not tie out"
    assert stop_objection(withdrawal, Stops.none()) is None
