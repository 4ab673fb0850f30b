"""The store's contract, for Postgres and for the memory store that the laws are checked with."""

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, insert, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from contracts.calls import Refusal
from contracts.evm import Address, BlockNumber, Hash32
from settlement.errors import NonceTaken, OperationConflict, OwnershipLost, PayoutsOwnedElsewhere
from settlement.payouts.adapters.ownership import PayoutsOwner, payouts_owner
from settlement.payouts.adapters.rows import operation_row
from settlement.payouts.adapters.store import SqlHistories, SqlPayoutStore
from settlement.payouts.adapters.tables import PAYOUT_OPERATION, TABLES
from settlement.payouts.errors import SessionShared
from settlement.payouts.obligations import commit_operation
from settlement.payouts.operation import (
    Adoption,
    Attempt,
    Fate,
    Operation,
    Outcome,
    SignedTransaction,
    TransactionDraft,
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
HEAD = BlockNumber(7)
Store = SqlPayoutStore | MemoryStore


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    one = database_engine(empty_database)
    create_tables(one)
    yield one
    one.dispose()


@pytest.fixture
def owner(engine: Engine) -> Iterator[PayoutsOwner]:
    with payouts_owner(engine, CHAIN_ID, sender=SENDER, contracts=[CONTRACT]) as owned:
        yield owned


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    owner = request.getfixturevalue("owner")
    return SqlPayoutStore(owner, CHAIN_ID, [CONTRACT], NoReservations())


@pytest.fixture
def sql_store(owner: PayoutsOwner) -> SqlPayoutStore:
    return SqlPayoutStore(owner, CHAIN_ID, [CONTRACT], NoReservations())


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


def noop(nonce: int) -> SignedTransaction:
    draft = TransactionDraft(
        chain_id=CHAIN_ID,
        nonce=nonce,
        to=SENDER,
        data=b"",
        gas=21_000,
        max_fee_wei=2**202,
        tip_wei=9,
    )
    return FakeSigner().sign(draft)


def adoption(first: int, following: int) -> Adoption:
    return Adoption(
        chain_id=CHAIN_ID,
        sender=SENDER,
        first_nonce=first,
        next_nonce=following,
        block_number=HEAD,
        block_hash=Hash32.from_int(7),
    )


def commit() -> Operation:
    approved = approved_commit(2)
    return commit_operation(
        approved.approval, approved.signatures, chain_id=CHAIN_ID, contract=CONTRACT
    )


def outcome(
    fate: Fate, *, nonce: int | None = None, index: int = 0, of: Operation | None = None
) -> Outcome:
    return Outcome(
        op_id=(of or operation(index)).op_id,
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


def test_plan__remainder__beside_the_first_withdrawal_of_its_leaf(store: Store) -> None:
    first, second = operation(0, lines=3), operation(0, lines=3, settled=0b101)

    assert store.plan([first]) == 1
    assert store.plan([first, second]) == 1

    assert [history.operation for history in store.open_histories()] == [first, second]


def test_histories__operations_of_one_leaf__know_each_other_s_attempts(store: Store) -> None:
    """While a nonce of another operation of the leaf is open, it can still pay."""
    of_leaf = [operation(0, lines=3, settled=settled) for settled in (0, 0b001, 0b101)]
    stranger = operation(1, lines=3)
    store.plan([*of_leaf, stranger])
    ids = [one.op_id for one in of_leaf]
    store.add_transaction(signed(5), [ids[0], stranger.op_id], head=HEAD)
    store.add_transaction(signed(6), [ids[1]], head=HEAD)
    store.add_transaction(signed(7), [ids[0]], head=HEAD)

    found = {
        one.operation.op_id: (nonces(one.attempts), nonces(one.others))
        for one in store.open_histories()
    }

    assert found == {
        ids[0]: ([5, 7], [6]),
        ids[1]: ([6], [5, 7]),
        ids[2]: ([], [5, 6, 7]),
        stranger.op_id: ([5], []),
    }


def test_histories__closed_operation_of_the_leaf__its_attempts_still_count(store: Store) -> None:
    first, second = operation(0, lines=3), operation(0, lines=3, settled=0b001)
    store.plan([first])
    store.add_transaction(signed(5), [first.op_id], head=HEAD)
    store.record([outcome(Fate.SETTLED_ELSEWHERE, of=first)])
    store.plan([second])

    (history,) = store.open_histories()

    assert (history.operation, history.attempts) == (second, ())
    assert nonces(history.others) == [5]


def nonces(attempts: Sequence[Attempt]) -> list[int]:
    return [attempt.nonce for attempt in attempts]


@pytest.mark.parametrize("settled", [-1, 0b111, 0b1000])
def test_tables__remainder_without_an_open_line__refused(engine: Engine, settled: int) -> None:
    row = operation_row(operation(0, lines=3)) | {"settled": settled}

    with pytest.raises(DBAPIError, match="leaves_lines_open"), engine.begin() as connection:
        connection.execute(insert(PAYOUT_OPERATION).values(row))


def test_add_transaction__nonces_in_turn__histories_hold_them(store: Store) -> None:
    store.plan([operation(0), operation(1)])
    assert store.next_nonce(SENDER) is None
    ids = [operation(0).op_id, operation(1).op_id]
    store.add_transaction(signed(5), ids, head=HEAD)
    store.add_transaction(signed(6), ids[:1], head=HEAD)

    assert store.next_nonce(SENDER) == 7
    assert store.next_nonce(OTHER_SENDER) is None
    first, second = store.open_histories()
    assert [one.transactions for one in first.attempts] == [(signed(5),), (signed(6),)]
    assert [one.transactions for one in second.attempts] == [(signed(5),)]
    assert [one.nonce for one in store.open_attempts(SENDER, first_nonce=6)] == [6]


@pytest.mark.parametrize("nonce", [4, 5, 7])
def test_add_transaction__not_the_next_nonce__refused(store: Store, nonce: int) -> None:
    store.plan([operation(0)])
    store.add_transaction(signed(5), [operation(0).op_id], head=HEAD)
    other = replaced(signed(nonce), fee_wei=3)

    with pytest.raises(NonceTaken, match="6 is next"):
        store.add_transaction(other, [operation(0).op_id], head=HEAD)
    assert store.next_nonce(SENDER) == 6


def test_record__closing_outcome__operation_no_longer_open(store: Store) -> None:
    store.plan([operation(0)])
    store.add_transaction(signed(0), [operation(0).op_id], head=HEAD)
    store.record([outcome(Fate.REFUSED, nonce=0)])
    assert store.open_count() == 1
    store.record([outcome(Fate.SETTLED_ELSEWHERE)])

    assert store.open_count() == 0
    assert store.open_histories() == []
    assert [one.nonce for one in store.open_attempts(SENDER, first_nonce=0)] == [0]


def test_history__whole_life__for_readers_too(sql_store: SqlPayoutStore, engine: Engine) -> None:
    sql_store.plan([operation(0)])
    sql_store.add_transaction(signed(0), [operation(0).op_id], head=HEAD)
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


def test_add_version__replacement_and_no_op__all_hashes_in_order_and_the_newest_head(
    store: Store,
) -> None:
    """A relayer forgot all hashes of a nonce but one."""
    first, bumped = signed(0), replaced(signed(0), fee_wei=2**201)
    store.plan([operation(0)])
    store.add_transaction(first, [operation(0).op_id], head=HEAD)

    store.add_version(bumped, head=BlockNumber(9))
    store.add_version(noop(0), head=BlockNumber(11))

    (history,) = store.open_histories()
    (attempt,) = history.attempts
    assert attempt.hashes == (first.tx_hash, bumped.tx_hash, noop(0).tx_hash)
    assert attempt.transactions == (first, bumped, noop(0))
    assert (attempt.signed_at, attempt.newest) == (11, noop(0))
    assert (first.is_noop, noop(0).is_noop, attempt.is_filler) == (False, True, False)
    assert store.open_attempts(SENDER, first_nonce=0) == [attempt]
    assert store.next_nonce(SENDER) == 1


@pytest.mark.parametrize("nonce", [6, 7])
def test_add_version__nonce_that_is_not_taken__refused(store: Store, nonce: int) -> None:
    store.plan([operation(0)])
    store.add_transaction(signed(5), [operation(0).op_id], head=HEAD)

    with pytest.raises(NonceTaken, match="6 is next"):
        store.add_version(noop(nonce), head=HEAD)
    assert store.next_nonce(SENDER) == 6


def test_adopt__nonces_that_the_chain_showed__next_goes_on_above_them(store: Store) -> None:
    store.plan([operation(0)])
    store.adopt(adoption(0, 3))
    assert store.next_nonce(SENDER) == 3
    assert store.next_nonce(OTHER_SENDER) is None
    assert store.open_attempts(SENDER, first_nonce=0) == []
    store.add_transaction(signed(3), [operation(0).op_id], head=HEAD)
    store.adopt(adoption(4, 6))

    store.add_version(noop(1), head=HEAD)

    assert store.next_nonce(SENDER) == 6
    filler, ours = store.open_attempts(SENDER, first_nonce=0)
    assert (filler.nonce, filler.is_filler, ours.is_filler) == (1, True, False)
    with pytest.raises(NonceTaken, match="nonce 5 was signed, but 6 is next"):
        store.adopt(adoption(5, 7))
    with pytest.raises(NonceTaken):
        store.add_transaction(signed(4), [operation(0).op_id], head=HEAD)


@pytest.mark.parametrize(("first", "following"), [(3, 3), (4, 3), (-1, 2)])
def test_tables__empty_adoption__refused(
    sql_store: SqlPayoutStore, first: int, following: int
) -> None:
    with pytest.raises(DBAPIError, match="payout_adoption_is_not_empty"):
        sql_store.adopt(adoption(first, following))


def test_record__second_closing_outcome__refused_by_the_database(
    sql_store: SqlPayoutStore,
) -> None:
    sql_store.plan([operation(0)])
    sql_store.add_transaction(signed(0), [operation(0).op_id], head=HEAD)
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

    store = SqlPayoutStore(owner, CHAIN_ID, [CONTRACT], NoMoney())

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
    store = SqlPayoutStore(owner, CHAIN_ID, [CONTRACT], books)

    store.plan([operation(0)])
    store.plan([operation(0), operation(1)])

    assert books.reserved == [operation(index).op_id for index in (0, 0, 1)]


def test_payouts_owner__key_or_contract_held__second_owner_refused(
    engine: Engine, owner: PayoutsOwner
) -> None:
    with (
        pytest.raises(PayoutsOwnedElsewhere, match=str(SENDER)),
        payouts_owner(engine, CHAIN_ID, sender=SENDER, contracts=[Address(b"\x09" * 20)]),
    ):
        pass
    with (
        pytest.raises(PayoutsOwnedElsewhere, match=str(CONTRACT)),
        payouts_owner(engine, CHAIN_ID, sender=OTHER_SENDER, contracts=[CONTRACT]),
    ):
        pass


def test_payouts_owner__left__next_one_may_enter(engine: Engine) -> None:
    for _ in range(2):
        with payouts_owner(engine, CHAIN_ID, sender=SENDER, contracts=[CONTRACT]):
            pass


def test_payouts_owner__pooler_that_gives_one_session_to_everybody__refused(
    empty_database: str,
) -> None:
    """The lock is the session's: two processes in one session would both hold it."""
    session = psycopg.connect(empty_database)
    shared = create_engine("postgresql+psycopg://", creator=lambda: session, poolclass=NullPool)
    with (
        payouts_owner(shared, CHAIN_ID, sender=SENDER, contracts=[CONTRACT]),
        pytest.raises(SessionShared, match=f"the lock of {min(SENDER, CONTRACT)} already"),
        payouts_owner(shared, CHAIN_ID, sender=SENDER, contracts=[CONTRACT]),
    ):
        pass
    shared.dispose()


def test_payouts_owner__transaction_in_another_session_than_the_locks__stores_nothing(
    engine: Engine,
) -> None:
    with (
        engine.connect() as connection,
        pytest.raises(SessionShared, match="session 1 has the locks"),
        PayoutsOwner(connection, session=1).transaction(),
    ):
        pytest.fail("the transaction began")


def test_payouts_owner__session_ended_by_the_server__can_store_nothing(
    engine: Engine, owner: PayoutsOwner, sql_store: SqlPayoutStore
) -> None:
    with owner.transaction() as connection:
        session = connection.scalar(text("SELECT pg_backend_pid()"))
    with engine.begin() as other:
        other.execute(text("SET LOCAL ROLE NONE"))
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": session})

    with payouts_owner(engine, CHAIN_ID, sender=SENDER, contracts=[CONTRACT]):
        for _ in range(2):  # also not by a connection that is quietly made anew
            with pytest.raises(OwnershipLost):
                sql_store.plan([operation(0)])
