"""The store of payments in Postgres, and in memory; claims under concurrent requests.

Subjects: settlement.payments.adapters.store, settlement.payments.adapters.watch,
settlement.payments.adapters.rows, settlement.payments.adapters.tables,
settlement.payments.adapters.retraction, settlement.payments.adapters.forgetting,
settlement.payments.forgetting.
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
from sqlalchemy.event import listens_for
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from contracts.evm import BlockNumber, Hash32, Timestamp
from settlement.payments.adapters.forgetting import SqlUnpaidIntents
from settlement.payments.adapters.retraction import reopen_verdicts, verdicts_above
from settlement.payments.adapters.store import SqlPayments
from settlement.payments.adapters.tables import APPEND_ONLY, EXTRA_DDL, PAYMENT_INTENT, TABLES
from settlement.payments.adapters.watch import ASKERS_MAX, SqlWatch
from settlement.payments.errors import IntentConflict, TooManySubmissions, UnknownIntent
from settlement.payments.evidence import Source
from settlement.payments.families import FAMILIES, family_named
from settlement.payments.forgetting import forget_unpaid
from settlement.payments.intent import PaymentIntent
from settlement.payments.look_again import look_again
from settlement.payments.naming import Place
from settlement.payments.policies import OF_MONEY, Outcome
from settlement.payments.ports import PaymentFacts, RecordedVerdict, Submission
from settlement.payments.states import State
from settlement.payments.verification import Check
from settlement.payments.verify_payment import SUBMISSIONS_MAX, Look, PaymentDesk
from settlement.payments.watching import ASKED_MAX, Moment, NextLook, OrderEvent, SeenIn
from tests.fakes_payments import FakeIndex, FakeNode, MemoryPayments
from tests.payments_builders import (
    CHAIN_ID,
    STRANGER,
    block,
    contract_of,
    digest,
    heights,
    intent_of,
    paying_log,
)

PPV, SEND = family_named("ppv"), family_named("offramp_send")
INTENT = intent_of(PPV)
TX = digest("transaction")
REQUESTS = 50
CONTRACTS = [contract_of(family) for family in FAMILIES]
Store = SqlPayments | MemoryPayments
Watch = SqlWatch | MemoryPayments


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


@pytest.fixture
def sql_watch(engine: Engine) -> SqlWatch:
    return SqlWatch(engine, CHAIN_ID, CONTRACTS)


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
        key="payer/order",
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

    next_look = NextLook(
        since=Timestamp(5), ask_at=None, ends_at=None, safe_at=None, settles_at=None, seen_in=None
    )

    assert store.open_since(submission) is None
    assert store.record(line(), after=None, next_look=next_look)
    assert store.open_since(submission) == 5
    assert store.record(gone, after=line(), next_look=next_look)
    assert store.record(gone, after=gone, next_look=next_look)
    assert not store.record(line(), after=None, next_look=next_look)
    assert not store.record(line(), after=line(), next_look=next_look)

    assert store.history(submission) == [line(), gone]
    assert store.last_verdict(submission) == gone


@pytest.fixture
def watch(store: Store, engine: Engine) -> Watch:
    if isinstance(store, MemoryPayments):
        return store
    return SqlWatch(engine, CHAIN_ID, CONTRACTS)


def moment(**changes: Any) -> Moment:
    values: dict[str, Any] = {"now": 0, "final_at": None, "safe": None, "finalized": None}
    return Moment(**values | changes)


def told(store: Store, count: int) -> list[Submission]:
    """Open submissions of intents of their own, in order."""
    intents = [intent_of(PPV, reference=f"order {number}") for number in range(count)]
    for intent in intents:
        store.declare(intent)
        store.submit(Submission(intent.intent_id, TX), at_most=SUBMISSIONS_MAX)
    return sorted((Submission(one.intent_id, TX) for one in intents), key=lambda one: one.intent_id)


def looked(store: Store, submission: Submission, **changes: Any) -> None:
    """A look that found it in a final block, unless said otherwise."""
    values: dict[str, Any] = {
        "since": Timestamp(10),
        "ask_at": None,
        "ends_at": None,
        "safe_at": None,
        "settles_at": None,
        "seen_in": None,
    }
    one = line(intent_id=submission.intent_id, transaction_hash=submission.transaction_hash)
    store.record(one, after=store.last_verdict(submission), next_look=NextLook(**values | changes))


def seen_in(number: int, *, is_indexed: bool = True) -> SeenIn:
    return SeenIn(number=BlockNumber(number), hash=block(number).hash, is_indexed=is_indexed)


def event(intent: PaymentIntent, tx_hash: Hash32 = TX, number: int = 120) -> OrderEvent:
    assert intent.order_id is not None
    return OrderEvent(
        contract=intent.contract,
        order_id=intent.order_id,
        transaction_hash=tx_hash,
        block_number=BlockNumber(number),
        block_hash=block(number).hash,
        log_index=7,
    )


def all_due(watch: Watch, when: Moment | None = None) -> list[Submission]:
    return watch.due(when or moment(), after=None, limit=99)


def test_due__new_ones__in_pages_until_they_were_looked_at(store: Store, watch: Watch) -> None:
    submissions = told(store, 5)

    found, last = [], None
    while page := watch.due(moment(), after=last, limit=2):
        found += page
        last = page[-1]
    looked(store, submissions[1])
    store.record(
        line(intent_id=submissions[3].intent_id, state=State.FINAL, is_terminal=True),
        after=None,
        next_look=None,
    )

    assert found == submissions
    assert all_due(watch) == [submissions[0], submissions[2], submissions[4]]


@pytest.mark.parametrize(
    ("cause", "before", "reached"),
    [
        ({"settles_at": 120}, {"finalized": 119}, {"finalized": 120}),
        ({"safe_at": 120}, {"safe": 119, "finalized": 119}, {"safe": 120}),
        ({"ends_at": 500}, {"final_at": 499, "now": 999}, {"final_at": 500}),
    ],
)
def test_due__what_it_waits_for__due_from_there_on(
    store: Store,
    watch: Watch,
    cause: dict[str, Any],
    before: dict[str, Any],
    reached: dict[str, Any],
) -> None:
    waiting, _ = submissions = told(store, 2)
    for one in submissions:
        looked(store, one, **(cause if one == waiting else {}))

    assert all_due(watch, moment(**before)) == []
    assert all_due(watch, moment(**reached)) == [waiting]
    assert watch.to_ask(Timestamp(10**9), 9) == []


def test_to_ask__many__whoever_waits_longest_first(store: Store, watch: Watch) -> None:
    submissions = told(store, 4)
    for one, ask_at in zip(submissions, (30, 10, 20, None), strict=True):
        looked(store, one, ask_at=ask_at)

    assert watch.to_ask(Timestamp(9), 9) == []
    assert watch.to_ask(Timestamp(30), 2) == [submissions[1], submissions[2]]
    assert watch.to_ask(Timestamp(30), 9) == [submissions[1], submissions[2], submissions[0]]


def test_postpone__awake_and_over__sleeps_until_then(store: Store, watch: Watch) -> None:
    (one,) = told(store, 1)
    watch.postpone(one, Timestamp(50))

    assert all_due(watch, moment(final_at=10**9)) == []
    assert watch.to_ask(Timestamp(50), 9) == [one]


def test_note__event_that_names_an_order__submitted_for_all_who_ask_for_it(
    store: Store, watch: Watch
) -> None:
    same = intent_of(PPV, stated_order=INTENT.order_id, reference="the same order")
    other = intent_of(PPV, reference="another order")
    of_tip = intent_of(family_named("tip"), stated_order=INTENT.order_id)
    for one in (INTENT, same, other, of_tip):
        store.declare(one)

    watch.note([event(INTENT), event(INTENT, number=121), event(intent_of(PPV, reference="?"))])

    expected = sorted(one.intent_id for one in (INTENT, same))
    assert [one.intent_id for one in all_due(watch)] == expected


def test_note__order_that_thousands_ask_for__submitted_for_the_first_of_them(
    store: Store, watch: Watch
) -> None:
    """Nobody's one payment makes us look at more than a few intents."""
    for number in range(40):
        store.declare(intent_of(PPV, stated_order=INTENT.order_id, reference=f"thief {number}"))
    store.declare(INTENT)

    watch.note([event(INTENT)])

    due = all_due(watch)
    assert len(due) == ASKERS_MAX + 1
    assert INTENT.intent_id in {one.intent_id for one in due}


def test_note__seen_in_that_block_already__sleeps_on(store: Store, watch: Watch) -> None:
    store.declare(INTENT)
    store.submit(Submission(INTENT.intent_id, TX), at_most=None)
    submission = Submission(INTENT.intent_id, TX)

    found = []
    for seen in (seen_in(120), seen_in(119), seen_in(120, is_indexed=False), None):
        looked(store, submission, seen_in=seen)
        watch.note([event(INTENT)])
        found.append(all_due(watch))
    store.record(line(is_terminal=True), after=line(), next_look=None)
    watch.note([event(INTENT)])

    assert found == [[], [submission], [submission], [submission]]
    assert all_due(watch) == []


@pytest.mark.parametrize(
    ("state", "is_reopened"), [(State.EXPIRED, True), (State.GONE, True), (State.REFUSED, False)]
)
def test_note__had_ended_in_no_block__opened_again_once(
    store: Store, watch: Watch, state: State, is_reopened: bool
) -> None:
    store.declare(INTENT)
    submission = Submission(INTENT.intent_id, TX)
    store.submit(submission, at_most=None)
    store.record(line(state=state, is_terminal=True), after=None, next_look=None)

    watch.note([event(INTENT)])
    watch.note([event(INTENT)])

    assert all_due(watch) == ([submission] if is_reopened else [])
    lines = [(one.state, one.is_terminal) for one in store.history(submission)]
    assert lines == [(state, True), (State.AWAITED, False)][: 1 + is_reopened]


def test_wake_in__block_replaced__those_that_were_seen_in_it(store: Store, watch: Watch) -> None:
    first, second, third = told(store, 3)
    for one, number in ((first, 120), (second, 121), (third, 120)):
        looked(store, one, seen_in=seen_in(number))

    assert {*watch.blocks_above(BlockNumber(120))} == {(121, block(121).hash)}
    assert len(watch.blocks_above(BlockNumber(119))) == 2
    watch.wake_in([])
    watch.wake_in([block(120).hash])
    assert all_due(watch) == [first, third]
    watch.wake([second, Submission(second.intent_id, digest("never told"))])
    assert all_due(watch) == [first, second, third]


def test_cursor__moves__forward_only(store: Store, watch: Watch) -> None:
    assert watch.looked_up_to() == -1
    watch.move_to(BlockNumber(7))
    watch.move_to(BlockNumber(5))

    assert watch.looked_up_to() == 7


def test_cursor__contract_that_is_new_among_ours__begins_anew(engine: Engine) -> None:
    SqlWatch(engine, CHAIN_ID, CONTRACTS[1:]).move_to(BlockNumber(7))

    assert SqlWatch(engine, CHAIN_ID, CONTRACTS).looked_up_to() == -1


OPEN = 10_000


@pytest.fixture
def crowded(engine: Engine, sql_store: SqlPayments) -> Engine:
    """Ten thousand intents, each with a transaction that no block has, looked at a moment ago."""
    sql_store.declare(INTENT)
    sql_store.submit(Submission(INTENT.intent_id, TX), at_most=None)
    with engine.begin() as connection:
        connection.execute(text(_COPIES), {"count": OPEN})
        connection.execute(text("ANALYZE payment_intent"))
        connection.execute(text("ANALYZE payment_open"))
    return engine


_COPIES = """
    WITH number AS (
        SELECT n, sha256(int4send(n)) AS id FROM generate_series(1, :count) AS n
    ), copied AS (
        INSERT INTO payment_intent (intent_id, chain_id, family, contract, payer, payee, subject,
            tier_id, asset, amount, order_id, reference, since, until)
        SELECT id, chain_id, family, contract, payer, payee, subject, tier_id, asset, amount, id,
               'crowd', since, until
        FROM payment_intent CROSS JOIN number
        RETURNING intent_id, chain_id, contract, until
    ), told AS (
        INSERT INTO payment_submission (intent_id, transaction_hash)
        SELECT intent_id, intent_id FROM copied
    )
    INSERT INTO payment_open (intent_id, transaction_hash, chain_id, contract, is_woken, since,
                              ask_at, ends_at, is_indexed)
    SELECT intent_id, intent_id, chain_id, contract, false, 0, 10000000, until, false FROM copied
"""


def test_look_again__ten_thousand_open_intents__costs_what_has_changed(
    crowded: Engine, sql_store: SqlPayments
) -> None:
    """An attacker may open as many as the limits let: a run reads those that something happened to.

    Statements and rows are counted where the database driver is called.
    """
    index, node = FakeIndex(), FakeNode()
    desk = desk_over(sql_store, SqlWatch(crowded, CHAIN_ID, CONTRACTS), index, node)
    statements, rows = 0, 0

    @listens_for(crowded, "after_cursor_execute")
    def count(_: object, cursor: Any, *__: object) -> None:
        nonlocal statements, rows
        statements, rows = statements + 1, rows + max(0, cursor.rowcount)

    assert look_again(desk) == 1  # the one that nobody has looked at yet
    counts = []
    for reached in (heights(), heights(head=141), heights(head=142)):
        statements, rows, index.reached = 0, 0, reached
        counts.append((look_again(desk), statements, rows))
    index.mine(TX, 142, paying_log(INTENT))
    statements, rows = 0, 0
    paid = look_again(desk)

    assert counts[0] == (0, counts[0][1], counts[0][2])
    assert all(one[0] <= 1 and one[1] <= 25 and one[2] <= 25 for one in counts), counts
    assert (paid, statements <= 40, rows <= 40) == (1, True, True), (paid, statements, rows)
    assert len(sql_store.claims(INTENT.intent_id)) == 1


def test_look_again__ten_thousand_that_only_a_node_can_tell_of__some_are_asked_about(
    crowded: Engine, sql_store: SqlPayments
) -> None:
    with crowded.begin() as connection:
        connection.execute(text("UPDATE payment_open SET ask_at = 1, is_woken = false"))
    watch = SqlWatch(crowded, CHAIN_ID, CONTRACTS)

    page = watch.to_ask(Timestamp(2), ASKED_MAX)

    assert len(page) == ASKED_MAX


@pytest.mark.parametrize("table", [table.name for table in APPEND_ONLY])
@pytest.mark.parametrize("change", ["UPDATE {} SET recorded_at = now()", "DELETE FROM {}"])
def test_tables__change__refused(
    engine: Engine, sql_store: SqlPayments, table: str, change: str
) -> None:
    fill(sql_store, INTENT, line())
    sql_store.bind(INTENT.intent_id, place(), attempt=0)
    age(engine)

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change.format(table)))


def fill(store: SqlPayments, intent: PaymentIntent, verdict: RecordedVerdict | None) -> None:
    """Store an intent, and if there is a verdict, a submission that is at its end by it."""
    store.declare(intent)
    if verdict is not None:
        one = replace(verdict, intent_id=intent.intent_id)
        store.submit(Submission(intent.intent_id, TX), at_most=None)
        store.record(one, after=None, next_look=None)


def age(engine: Engine) -> None:
    """Let everything have been recorded a hundred days ago."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE payment_intent DISABLE TRIGGER USER"))
        aged = "UPDATE payment_intent SET recorded_at = now() - interval '100 days'"
        connection.execute(text(aged))
        connection.execute(text("ALTER TABLE payment_intent ENABLE TRIGGER USER"))


NOT_OURS = line(state=State.REFUSED, is_terminal=True, outcome=Outcome.NOT_OURS)
DAY_S = 86_400


def forgotten(engine: Engine, before: int = 4_000, kept_days: int = 90) -> int:
    unpaid = SqlUnpaidIntents(engine, CHAIN_ID, CONTRACTS)
    done = unpaid.forget(Timestamp(before), kept_days * DAY_S, after=None, limit=100)
    assert done.last is None
    return done.count


@pytest.mark.parametrize("verdict", [None, NOT_OURS, replace(NOT_OURS, outcome=None)])
def test_forget__nobody_paid__gone_and_the_same_again_when_it_is_said_again(
    engine: Engine, sql_store: SqlPayments, verdict: RecordedVerdict | None
) -> None:
    fill(sql_store, INTENT, verdict)
    age(engine)

    assert forgotten(engine) == 1
    assert sql_store.intent(INTENT.intent_id) is None
    assert sql_store.history(Submission(INTENT.intent_id, TX)) == []
    assert sql_store.declare(INTENT)
    assert sql_store.intent(INTENT.intent_id) == INTENT


@pytest.mark.parametrize("outcome", sorted(OF_MONEY))
def test_forget__money_came__kept_with_every_verdict(
    engine: Engine, sql_store: SqlPayments, outcome: Outcome
) -> None:
    fill(sql_store, INTENT, line(is_terminal=True, outcome=outcome))
    gone = line(state=State.GONE, is_terminal=True, outcome=None)
    last = sql_store.last_verdict(Submission(INTENT.intent_id, TX))
    sql_store.record(gone, after=last, next_look=None)
    age(engine)

    assert forgotten(engine) == 0
    assert len(sql_store.history(Submission(INTENT.intent_id, TX))) == 2


def test_forget__claimed_open_young_or_in_time__kept(
    engine: Engine, sql_store: SqlPayments
) -> None:
    claimed, open_one, in_time, young = (
        intent_of(PPV, reference=name) for name in ("claimed", "open", "in time", "young")
    )
    fill(sql_store, claimed, NOT_OURS)
    sql_store.bind(claimed.intent_id, place(), attempt=0)
    sql_store.declare(open_one)
    sql_store.submit(Submission(open_one.intent_id, TX), at_most=None)
    age(engine)

    assert forgotten(engine) == 0
    sql_store.declare(in_time)
    age(engine)
    assert forgotten(engine, before=2_999) == 0
    sql_store.declare(young)
    assert forgotten(engine) == 1  # the one that was in time before
    assert [sql_store.intent(one.intent_id) for one in (claimed, open_one, young)] == [
        *(claimed, open_one, young)
    ]


def test_forget__many__a_page_at_a_time_in_turn(engine: Engine, sql_store: SqlPayments) -> None:
    for number in range(5):
        sql_store.declare(intent_of(PPV, reference=f"order {number}"))
    paid = intent_of(PPV, reference="order 5")
    fill(sql_store, paid, line(is_terminal=True))
    age(engine)
    unpaid = SqlUnpaidIntents(engine, CHAIN_ID, CONTRACTS)

    first = unpaid.forget(Timestamp(3_100), 0, after=None, limit=4)
    second = unpaid.forget(Timestamp(3_100), 0, after=first.last, limit=4)

    assert first.count + second.count == 5
    assert (first.last is not None, second.last) == (True, None)
    assert sql_store.intent(paid.intent_id) == paid


def test_forget__index_that_is_behind__nothing(engine: Engine, sql_store: SqlPayments) -> None:
    """What was not looked through may hold the payment."""
    sql_store.declare(INTENT)
    age(engine)
    index = FakeIndex(reached=heights(head=500, final=400))
    desk = desk_over(sql_store, SqlWatch(engine, CHAIN_ID, CONTRACTS), index)
    unpaid = SqlUnpaidIntents(engine, CHAIN_ID, CONTRACTS)
    counts = []
    for noted in (199, 209, 210):  # an intent ends in block 200, and is kept for 100 seconds more
        desk.watch.move_to(BlockNumber(noted))
        counts.append(forget_unpaid(desk, unpaid, kept_s=100, after=None).count)

    assert counts == [0, 0, 1]


def test_forget__submitted_at_the_same_moment__one_of_both(
    engine: Engine, sql_store: SqlPayments
) -> None:
    sql_store.declare(INTENT)
    age(engine)
    with engine.begin() as other:
        other.execute(
            text("SELECT FROM payment_intent WHERE intent_id = :id FOR UPDATE"),
            {"id": bytes(INTENT.intent_id)},
        )
        assert forgotten(engine) == 0

    assert sql_store.submit(Submission(INTENT.intent_id, TX), at_most=None)
    assert forgotten(engine) == 0


def test_reopen__verdict_above_the_block__looked_at_again(
    engine: Engine, sql_store: SqlPayments
) -> None:
    submission = Submission(INTENT.intent_id, TX)
    sql_store.declare(INTENT)
    sql_store.submit(submission, at_most=SUBMISSIONS_MAX)
    sql_store.record(line(state=State.FINAL, is_terminal=True), after=None, next_look=None)
    watch = SqlWatch(engine, CHAIN_ID, CONTRACTS)
    watch.move_to(BlockNumber(150))
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
    assert all_due(watch) == [submission]
    assert watch.looked_up_to() == below


def desk_over(
    store: Store, watch: Watch, index: FakeIndex, node: FakeNode | None = None
) -> PaymentDesk:
    @contextmanager
    def open_facts() -> Iterator[PaymentFacts]:
        yield index

    return PaymentDesk(store=store, watch=watch, open_facts=open_facts, node=node)


def at_once(work: list[Callable[[], Look]]) -> list[Look]:
    """Run everything at the same moment."""
    barrier = Barrier(len(work))

    def run(one: Callable[[], Look]) -> Look:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def test_submit__one_transaction_for_two_orders_by_fifty_requests__one_order_wins(
    sql_store: SqlPayments, sql_watch: SqlWatch
) -> None:
    orders = [intent_of(SEND, reference=name) for name in ("first", "second")]
    node = FakeNode()
    node.mine(TX, 141, paying_log(orders[0]))  # above the index
    desk = desk_over(sql_store, sql_watch, FakeIndex(), node)
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
    sql_store: SqlPayments, sql_watch: SqlWatch
) -> None:
    intent = intent_of(PPV, payer=None)
    index = FakeIndex()
    transactions = [digest("by the payer"), digest("by a stranger")]
    index.mine(transactions[0], 130, paying_log(intent))
    index.mine(transactions[1], 131, paying_log(intent, payer=STRANGER))
    desk = desk_over(sql_store, sql_watch, index)
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
    sql_store: SqlPayments, sql_watch: SqlWatch
) -> None:
    index = FakeIndex()
    index.mine(TX, 130, paying_log(INTENT))
    desk = desk_over(sql_store, sql_watch, index)
    desk.declare(INTENT)

    looks = at_once([lambda: desk.submit(Submission(INTENT.intent_id, TX))] * REQUESTS)

    assert all(one.is_verified for one in looks)
    assert len(sql_store.claims(INTENT.intent_id)) == 1
    assert len(sql_store.history(Submission(INTENT.intent_id, TX))) == 1
