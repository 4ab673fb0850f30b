"""The store's contract, for Postgres and for the memory store that the laws are checked with."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from contracts.calls import Refusal
from contracts.evm import Address, BlockNumber, Hash32
from settlement.errors import NonceTaken, OperationConflict, OwnershipLost, PayoutsOwnedElsewhere
from settlement.payouts.adapters.ownership import PayoutsOwner, payouts_owner
from settlement.payouts.adapters.store import SqlHistories, SqlPayoutStore
from settlement.payouts.adapters.tables import PAYOUT_TRANSACTION, TABLES
from settlement.payouts.operation import (
    Fate,
    Operation,
    Outcome,
    SignedTransaction,
    TransactionDraft,
    commit_operation,
)
from tests.fakes_payout_chain import (
    CHAIN_ID,
    CONTRACT,
    SENDER,
    FakeSigner,
    MemoryStore,
    approved_commit,
    operation,
    replaced,
    single_call,
    withdrawal,
)
from tests.payouts_settlement import NoReservations, create_tables, database_engine

OTHER_SENDER = Address(b"\x77" * 20)
Store = SqlPayoutStore | MemoryStore


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    one = database_engine(empty_database)
    create_tables(one)
    yield one
    one.dispose()


@pytest.fixture
def owner(engine: Engine) -> Iterator[PayoutsOwner]:
    with payouts_owner(engine, CHAIN_ID, sender=SENDER, contract=CONTRACT) as owned:
        yield owned


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    owner = request.getfixturevalue("owner")
    return SqlPayoutStore(owner, CHAIN_ID, CONTRACT, NoReservations())


@pytest.fixture
def sql_store(owner: PayoutsOwner) -> SqlPayoutStore:
    return SqlPayoutStore(owner, CHAIN_ID, CONTRACT, NoReservations())


def signed(nonce: int, *, sender: Address = SENDER) -> SignedTransaction:
    draft = TransactionDraft(
        chain_id=CHAIN_ID,
        nonce=nonce,
        to=CONTRACT,
        data=b"\x01",
        gas=50_000,
        max_fee_wei=2**200,
        tip_wei=1,
    )
    return FakeSigner(sender).sign(draft)


def commit() -> Operation:
    approved = approved_commit(2)
    return commit_operation(
        approved.approval, approved.signatures, chain_id=CHAIN_ID, contract=CONTRACT
    )


def outcome(fate: Fate, *, nonce: int | None = None, index: int = 0) -> Outcome:
    return Outcome(
        op_id=operation(index).op_id,
        fate=fate,
        refusal=Refusal.WORK_UNDER_VERDICT if fate is Fate.REFUSED else None,
        sender=None if nonce is None else SENDER,
        nonce=nonce,
        tx_hash=None if nonce is None else signed(nonce).tx_hash,
        block_number=BlockNumber(9),
        block_hash=Hash32.from_int(9),
    )


def test_plan__twice__inserted_once_and_read_back(store: Store) -> None:
    both = [operation(0, lines=3), commit()]

    assert store.plan(both) == 2
    assert store.plan(both) == 0

    histories = store.open_histories()
    assert [history.operation for history in histories] == [both[1], both[0]]
    assert store.open_count() == 2


def test_plan__same_id_other_content__corrupt_and_nothing_written(store: Store) -> None:
    store.plan([operation(0)])
    other = single_call(withdrawal(0), amount=7)

    with pytest.raises(OperationConflict, match=str(other.op_id)):
        store.plan([operation(1), other])
    assert store.open_count() == 1


def test_add_transaction__nonces_in_turn__histories_hold_them(store: Store) -> None:
    store.plan([operation(0), operation(1)])
    assert store.next_nonce(SENDER) is None
    ids = [operation(0).op_id, operation(1).op_id]
    store.add_transaction(signed(5), ids)
    store.add_transaction(signed(6), ids[:1])

    assert store.next_nonce(SENDER) == 7
    assert store.next_nonce(OTHER_SENDER) is None
    first, second = store.open_histories()
    assert [one.transactions for one in first.attempts] == [(signed(5),), (signed(6),)]
    assert [one.transactions for one in second.attempts] == [(signed(5),)]
    assert [one.nonce for one in store.open_attempts(SENDER, first_nonce=6)] == [6]


@pytest.mark.parametrize("nonce", [4, 5, 7])
def test_add_transaction__not_the_next_nonce__refused(store: Store, nonce: int) -> None:
    store.plan([operation(0)])
    store.add_transaction(signed(5), [operation(0).op_id])
    other = replaced(signed(nonce), fee_wei=3)

    with pytest.raises(NonceTaken, match="6 is next"):
        store.add_transaction(other, [operation(0).op_id])
    assert store.next_nonce(SENDER) == 6


def test_record__closing_outcome__operation_no_longer_open(store: Store) -> None:
    store.plan([operation(0)])
    store.add_transaction(signed(0), [operation(0).op_id])
    store.record([outcome(Fate.REFUSED, nonce=0)])
    assert store.open_count() == 1
    store.record([outcome(Fate.SETTLED_ELSEWHERE)])

    assert store.open_count() == 0
    assert store.open_histories() == []
    assert [one.nonce for one in store.open_attempts(SENDER, first_nonce=0)] == [0]


def test_history__whole_life__for_readers_too(sql_store: SqlPayoutStore, engine: Engine) -> None:
    sql_store.plan([operation(0)])
    sql_store.add_transaction(signed(0), [operation(0).op_id])
    recorded = [outcome(Fate.REFUSED, nonce=0), outcome(Fate.SETTLED_ELSEWHERE)]
    sql_store.record(recorded)

    with engine.connect() as reader:
        history = SqlHistories(reader).history(operation(0).op_id)
        unknown = SqlHistories(reader).history(operation(1).op_id)

    assert history is not None
    assert history.operation == operation(0)
    assert list(history.outcomes) == recorded
    assert history.closing == recorded[1]
    assert unknown is None


def test_attempt__replacement_stored__both_hashes_in_order(
    sql_store: SqlPayoutStore, engine: Engine
) -> None:
    """The data model holds many hashes for one nonce, and forgets none."""
    first = signed(0)
    sql_store.plan([operation(0)])
    sql_store.add_transaction(first, [operation(0).op_id])
    bumped = replaced(first, fee_wei=2**201)
    with engine.begin() as connection:
        connection.execute(
            insert(PAYOUT_TRANSACTION).values(
                tx_hash=bumped.tx_hash,
                chain_id=bumped.chain_id,
                sender=bumped.sender,
                nonce=0,
                ordinal=1,
                raw=bumped.raw,
                recipient=bumped.to,
                gas=bumped.gas,
                max_fee_wei=bumped.max_fee_wei,
                tip_wei=bumped.tip_wei,
            )
        )

    (history,) = sql_store.open_histories()

    assert [one.hashes for one in history.attempts] == [(first.tx_hash, bumped.tx_hash)]
    assert sql_store.next_nonce(SENDER) == 1


def test_record__second_closing_outcome__refused_by_the_database(
    sql_store: SqlPayoutStore,
) -> None:
    sql_store.plan([operation(0)])
    sql_store.add_transaction(signed(0), [operation(0).op_id])
    sql_store.record([outcome(Fate.SETTLED, nonce=0)])

    with pytest.raises(SQLAlchemyError, match="payout_outcome_closing"):
        sql_store.record([outcome(Fate.SETTLED_ELSEWHERE)])


@pytest.mark.parametrize(
    "verb", ["UPDATE {} SET recorded_at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_tables__change_of_a_row__refused(engine: Engine, table: str, verb: str) -> None:
    if table == "payout_inclusion":
        verb = verb.replace("recorded_at = now()", "nonce = 1")

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as one:
        one.execute(text(verb.format(table)))


def test_plan__reservation_fails__operation_not_written(owner: PayoutsOwner) -> None:
    class NoMoney(NoReservations):
        def reserve(self, connection: Connection, operation: Operation) -> None:
            raise RuntimeError("nothing to reserve")

    store = SqlPayoutStore(owner, CHAIN_ID, CONTRACT, NoMoney())

    with pytest.raises(RuntimeError, match="nothing to reserve"):
        store.plan([operation(0)])
    assert store.open_count() == 0
    assert store.plan([commit()]) == 1  # a commit moves no money


def test_plan__planned_again__asks_the_books_again(owner: PayoutsOwner) -> None:
    class Counting(NoReservations):
        def __init__(self) -> None:
            self.reserved: list[Hash32] = []

        def reserve(self, connection: Connection, operation: Operation) -> None:
            self.reserved.append(operation.op_id)

    books = Counting()
    store = SqlPayoutStore(owner, CHAIN_ID, CONTRACT, books)

    store.plan([operation(0)])
    store.plan([operation(0), operation(1)])

    assert books.reserved == [operation(index).op_id for index in (0, 0, 1)]


def test_payouts_owner__key_or_contract_held__second_owner_refused(
    engine: Engine, owner: PayoutsOwner
) -> None:
    with (
        pytest.raises(PayoutsOwnedElsewhere, match=str(SENDER)),
        payouts_owner(engine, CHAIN_ID, sender=SENDER, contract=Address(b"\x09" * 20)),
    ):
        pass
    with (
        pytest.raises(PayoutsOwnedElsewhere, match=str(CONTRACT)),
        payouts_owner(engine, CHAIN_ID, sender=OTHER_SENDER, contract=CONTRACT),
    ):
        pass


def test_payouts_owner__left__next_one_may_enter(engine: Engine) -> None:
    for _ in range(2):
        with payouts_owner(engine, CHAIN_ID, sender=SENDER, contract=CONTRACT):
            pass


def test_payouts_owner__session_ended_by_the_server__can_store_nothing(
    engine: Engine, owner: PayoutsOwner, sql_store: SqlPayoutStore
) -> None:
    with owner.transaction() as connection:
        session = connection.scalar(text("SELECT pg_backend_pid()"))
    with engine.begin() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": session})

    with payouts_owner(engine, CHAIN_ID, sender=SENDER, contract=CONTRACT):
        for _ in range(2):  # also not by a connection that is quietly made anew
            with pytest.raises(OwnershipLost):
                sql_store.plan([operation(0)])
