"""The store of payments in Postgres, and in memory; claims under concurrent requests.

Subjects: settlement.payments.adapters.store, settlement.payments.adapters.rows,
settlement.payments.adapters.tables, settlement.payments.adapters.retraction.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from contracts.evm import BlockNumber, Hash32, Timestamp
from settlement.payments.adapters.retraction import reopen_verdicts, verdicts_above
from settlement.payments.adapters.store import SqlPayments
from settlement.payments.adapters.tables import EXTRA_DDL, PAYMENT_INTENT, TABLES
from settlement.payments.errors import IntentConflict, TooManySubmissions, UnknownIntent
from settlement.payments.evidence import Place, Source
from settlement.payments.families import FAMILIES, family_named
from settlement.payments.policies import Outcome
from settlement.payments.ports import PaymentFacts, RecordedVerdict, Submission
from settlement.payments.states import State
from settlement.payments.verification import Check
from settlement.payments.verify_payment import SUBMISSIONS_MAX, Look, PaymentDesk
from tests.fakes_payments import FakeIndex, FakeNode, MemoryPayments
from tests.payments_builders import (
    CHAIN_ID,
    STRANGER,
    block,
    contract_of,
    digest,
    intent_of,
    paying_log,
)

PPV, SEND = family_named("ppv"), family_named("offramp_send")
INTENT = intent_of(PPV)
TX = digest("transaction")
REQUESTS = 50
CONTRACTS = [contract_of(family) for family in FAMILIES]
Store = SqlPayments | MemoryPayments


@pytest.fixture
def engine(empty_database: str) -> Iterator[Engine]:
    one = create_engine(
        empty_database.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=REQUESTS,
        connect_args={"options": "-c synchronous_commit=off"},
    )
    with one.begin() as connection:
        SQLModel.metadata.create_all(connection, TABLES)
        for statement in EXTRA_DDL:
            connection.execute(text(statement))
    yield one
    one.dispose()


@pytest.fixture
def sql_store(engine: Engine) -> SqlPayments:
    return SqlPayments(engine, CHAIN_ID, CONTRACTS)


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryPayments()
    found: SqlPayments = request.getfixturevalue("sql_store")
    return found


def place(number: int = 0) -> Place:
    return Place(
        chain_id=CHAIN_ID,
        transaction_hash=TX,
        contract=INTENT.contract,
        topic0=PPV.event.topic0,
        ordinal=number,
    )


def line(**changes: Any) -> RecordedVerdict:
    one = RecordedVerdict(
        intent_id=INTENT.intent_id,
        transaction_hash=TX,
        state=State.RECEIVED,
        is_terminal=False,
        outcome=Outcome.ACCEPTED,
        failed=(),
        source=Source.FACTS,
        block_number=BlockNumber(100),
        block_hash=block(100).hash,
        log_index=7,
        reason="every check passed",
    )
    return replace(one, **changes)


@pytest.mark.parametrize("family", FAMILIES, ids=[one.name for one in FAMILIES])
def test_declare__any_family__comes_back_as_it_was(sql_store: SqlPayments, family: Any) -> None:
    intent = intent_of(family)

    assert sql_store.declare(intent)
    assert not sql_store.declare(intent)
    assert sql_store.intent(intent.intent_id) == intent


def test_declare__everything_optional_absent__comes_back_as_it_was(sql_store: SqlPayments) -> None:
    intent = intent_of(PPV, payer=None, fee_terms=None, stated_order=digest("own order"))

    sql_store.declare(intent)

    assert sql_store.intent(intent.intent_id) == intent


def test_first_askers__same_order__those_who_asked_before(store: Store) -> None:
    first = intent_of(PPV, stated_order=digest("order"), reference="first")
    second = intent_of(PPV, stated_order=digest("order"), reference="second")
    thief = intent_of(PPV, stated_order=INTENT.order_id)
    for one in (first, second, thief, INTENT):
        store.declare(one)

    assert store.first_askers(first) == []
    assert store.first_askers(second) == [first]
    assert store.first_askers(thief) == [INTENT]
    assert store.first_askers(INTENT) == []
    assert store.first_askers(intent_of(PPV, stated_order=digest("order"))) == [first, second]


def test_intent__of_a_contract_that_is_not_ours__unknown(engine: Engine) -> None:
    SqlPayments(engine, CHAIN_ID, CONTRACTS).declare(INTENT)
    elsewhere = SqlPayments(engine, CHAIN_ID, [STRANGER])

    assert elsewhere.intent(INTENT.intent_id) is None


def test_intent__tampered_with__refused(engine: Engine, sql_store: SqlPayments) -> None:
    sql_store.declare(INTENT)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE payment_intent DISABLE TRIGGER USER"))
        connection.execute(update(PAYMENT_INTENT).values(amount=1))

    with pytest.raises(IntentConflict):
        sql_store.intent(INTENT.intent_id)


def test_submit__twice__once(store: Store) -> None:
    store.declare(INTENT)

    assert store.submit(Submission(INTENT.intent_id, TX), at_most=SUBMISSIONS_MAX)
    assert not store.submit(Submission(INTENT.intent_id, TX), at_most=SUBMISSIONS_MAX)


def test_submit__unknown_intent_or_too_many__refused(store: Store) -> None:
    with pytest.raises(UnknownIntent):
        store.submit(Submission(INTENT.intent_id, TX), at_most=SUBMISSIONS_MAX)
    store.declare(INTENT)
    for number in range(SUBMISSIONS_MAX):
        store.submit(
            Submission(INTENT.intent_id, digest(f"transaction {number}")), at_most=SUBMISSIONS_MAX
        )

    with pytest.raises(TooManySubmissions):
        store.submit(Submission(INTENT.intent_id, TX), at_most=SUBMISSIONS_MAX)


def test_bind__place_that_another_intent_has__says_whose_it_is(store: Store) -> None:
    other = intent_of(PPV, reference="another")
    for one in (INTENT, other):
        store.declare(one)

    assert store.bind(INTENT.intent_id, place(), attempt=0) == INTENT.intent_id
    assert store.bind(INTENT.intent_id, place(), attempt=0) == INTENT.intent_id
    assert store.bind(other.intent_id, place(), attempt=0) == INTENT.intent_id
    assert store.owner_of(place()) == INTENT.intent_id
    assert store.claims(other.intent_id) == []


def test_bind__claim_of_that_number_is_made__nothing_is_bound(store: Store) -> None:
    store.declare(INTENT)
    store.bind(INTENT.intent_id, place(0), attempt=0)

    assert store.bind(INTENT.intent_id, place(1), attempt=0) is None
    assert store.bind(INTENT.intent_id, place(1), attempt=1) == INTENT.intent_id
    assert store.claims(INTENT.intent_id) == [place(0), place(1)]


def test_history__lines__in_order_and_the_last_one_counts(store: Store) -> None:
    submission = Submission(INTENT.intent_id, TX)
    store.declare(INTENT)
    store.submit(submission, at_most=SUBMISSIONS_MAX)
    assert store.last_verdict(submission) is None
    gone = line(state=State.GONE, outcome=None, failed=(Check.BLOCK.value,), source=None)

    assert store.record(line(), after=None)
    assert store.record(gone, after=line())
    assert not store.record(line(), after=None)
    assert not store.record(line(), after=line())

    assert store.history(submission) == [line(), gone]
    assert store.last_verdict(submission) == gone


def test_open_submissions__pages__all_but_the_ended_once_each(store: Store) -> None:
    intents = [intent_of(PPV, reference=f"order {number}") for number in range(7)]
    for intent in intents:
        store.declare(intent)
        store.submit(Submission(intent.intent_id, TX), at_most=SUBMISSIONS_MAX)
    store.record(
        line(intent_id=intents[3].intent_id, state=State.FINAL, is_terminal=True), after=None
    )
    store.record(line(intent_id=intents[4].intent_id), after=None)

    found, last = [], None
    while page := store.open_submissions(after=last, limit=2):
        found += page
        last = page[-1]

    assert found == sorted(found, key=lambda one: one.intent_id)
    expected = {one.intent_id for one in intents} - {intents[3].intent_id}
    assert Counter(one.intent_id for one in found) == Counter(expected)


def test_unclaimed_intents__pages__those_with_an_order_and_without_a_claim(
    store: Store,
) -> None:
    intents = [intent_of(PPV, reference=f"order {number}") for number in range(5)]
    for intent in (*intents, intent_of(SEND)):
        store.declare(intent)
    store.submit(Submission(intents[1].intent_id, TX), at_most=SUBMISSIONS_MAX)
    store.bind(intents[0].intent_id, place(), attempt=0)

    def pages(until_after: int) -> list[Hash32]:
        found: list[Hash32] = []
        last = None
        while page := store.unclaimed_intents(
            until_after=Timestamp(until_after), after=last, limit=2
        ):
            found += [one.intent_id for one in page]
            last = found[-1]
        return found

    assert pages(INTENT.until - 1) == sorted(one.intent_id for one in intents[1:])
    assert pages(INTENT.until) == []


@pytest.mark.parametrize("table", [table.name for table in TABLES])
@pytest.mark.parametrize("change", ["UPDATE {} SET recorded_at = now()", "DELETE FROM {}"])
def test_tables__change__refused(engine: Engine, table: str, change: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change.format(table)))


def test_reopen__verdict_above_the_block__looked_at_again(
    engine: Engine, sql_store: SqlPayments
) -> None:
    submission = Submission(INTENT.intent_id, TX)
    sql_store.declare(INTENT)
    sql_store.submit(submission, at_most=SUBMISSIONS_MAX)
    sql_store.record(line(state=State.FINAL, is_terminal=True), after=None)
    below, above = BlockNumber(99), BlockNumber(100)

    with engine.begin() as connection:
        assert verdicts_above(connection, CHAIN_ID, above) == 0
        assert reopen_verdicts(connection, CHAIN_ID, above) == 0
        assert verdicts_above(connection, CHAIN_ID, below) == 1
        assert reopen_verdicts(connection, CHAIN_ID, below) == 1
        assert verdicts_above(connection, CHAIN_ID, below) == 0

    last = sql_store.last_verdict(submission)
    assert last is not None
    assert (last.state, last.is_terminal, last.block_number) == (State.GONE, False, 100)
    assert sql_store.open_submissions(after=None, limit=9) == [submission]


def desk_over(store: Store, index: FakeIndex, node: FakeNode | None = None) -> PaymentDesk:
    @contextmanager
    def open_facts() -> Iterator[PaymentFacts]:
        yield index

    return PaymentDesk(store=store, open_facts=open_facts, node=node)


def at_once(work: list[Callable[[], Look]]) -> list[Look]:
    """Run everything at the same moment."""
    barrier = Barrier(len(work))

    def run(one: Callable[[], Look]) -> Look:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_submit__one_transaction_for_two_orders_by_fifty_requests__one_order_wins(
    sql_store: SqlPayments,
) -> None:
    orders = [intent_of(SEND, reference=name) for name in ("first", "second")]
    node = FakeNode()
    node.mine(TX, 130, paying_log(orders[0]))
    desk = desk_over(sql_store, FakeIndex(), node)
    for one in orders:
        desk.declare(one)

    looks = at_once(
        [
            partial(desk.submit, Submission(orders[number % 2].intent_id, TX))
            for number in range(REQUESTS)
        ]
    )

    winners = {one.intent.intent_id for one in looks if one.is_verified}
    outcomes = Counter(one.ruling.outcome for one in looks if one.ruling is not None)
    assert len(winners) == 1
    assert outcomes == {
        Outcome.ACCEPTED: REQUESTS // 2,
        Outcome.CLAIMED_ELSEWHERE: REQUESTS // 2,
    }
    claims = [sql_store.claims(one.intent_id) for one in orders]
    assert sorted(len(one) for one in claims) == [0, 1]


def test_submit__two_transactions_for_one_order_by_fifty_requests__one_transaction_wins(
    sql_store: SqlPayments,
) -> None:
    intent = intent_of(PPV, payer=None)
    index = FakeIndex()
    transactions = [digest("by the payer"), digest("by a stranger")]
    index.mine(transactions[0], 130, paying_log(intent))
    index.mine(transactions[1], 131, paying_log(intent, payer=STRANGER))
    desk = desk_over(sql_store, index)
    desk.declare(intent)

    looks = at_once(
        [
            partial(desk.submit, Submission(intent.intent_id, transactions[number % 2]))
            for number in range(REQUESTS)
        ]
    )

    assert len({one.transaction_hash for one in looks if one.is_verified}) == 1
    outcomes = Counter(one.ruling.outcome for one in looks if one.ruling is not None)
    assert outcomes == {Outcome.ACCEPTED: REQUESTS // 2, Outcome.DUPLICATE: REQUESTS // 2}
    assert len(sql_store.claims(intent.intent_id)) == 1


def test_submit__same_order_by_fifty_requests__all_succeed_with_one_claim(
    sql_store: SqlPayments,
) -> None:
    index = FakeIndex()
    index.mine(TX, 130, paying_log(INTENT))
    desk = desk_over(sql_store, index)
    desk.declare(INTENT)

    looks = at_once([lambda: desk.submit(Submission(INTENT.intent_id, TX))] * REQUESTS)

    assert all(one.is_verified for one in looks)
    assert len(sql_store.claims(INTENT.intent_id)) == 1
    assert len(sql_store.history(Submission(INTENT.intent_id, TX))) == 1
