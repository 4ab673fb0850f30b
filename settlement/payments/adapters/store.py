"""Intents, submissions, claims and verdicts in Postgres; each call is one transaction.

A submission is opened, moved on and closed in `payment_open` together with its lines.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, ChainId, Hash32, Timestamp
from settlement.payments.adapters.rows import (
    intent_of,
    intent_row,
    next_look_row,
    place_of,
    place_row,
    verdict_of,
    verdict_row,
)
from settlement.payments.adapters.tables import (
    PAYMENT_CLAIM,
    PAYMENT_INTENT,
    PAYMENT_OPEN,
    PAYMENT_SUBMISSION,
    PAYMENT_VERDICT,
)
from settlement.payments.errors import TooManySubmissions, UnknownIntent
from settlement.payments.intent import PaymentIntent
from settlement.payments.naming import Place
from settlement.payments.ports import RecordedVerdict, Submission
from settlement.payments.watching import NextLook

FIRST_ASKERS_MAX = 16
"""Intents of one order that are looked at before a later one gets its payment."""


class SqlPayments:
    """`PaymentStore` for the payments that go through some contracts of one chain."""

    def __init__(self, engine: Engine, chain_id: ChainId, contracts: Collection[Address]) -> None:
        self._engine = engine
        self._chain_id, self._contracts = chain_id, sorted(contracts)

    def declare(self, intent: PaymentIntent) -> bool:
        """Store an intent; False if it was there."""
        table = PAYMENT_INTENT
        statement = (
            insert(table)
            .values(intent_row(intent))
            .on_conflict_do_nothing(index_elements=[table.c.intent_id])
            .returning(table.c.intent_id)
        )
        with self._engine.begin() as connection:
            return connection.execute(statement).first() is not None

    def intent(self, intent_id: Hash32) -> PaymentIntent | None:
        """A stored intent.

        Raises:
            IntentConflict: its content does not have its id.
        """
        table = PAYMENT_INTENT
        query = select(table).where(table.c.intent_id == intent_id, self._is_ours())
        with self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else intent_of(row)

    def first_askers(self, intent: PaymentIntent) -> list[PaymentIntent]:
        """Stored intents that a payment of the same order at the same contract is for before this.

        Of those that were declared earlier, the first `FIRST_ASKERS_MAX`.
        """
        if intent.stated_order is None:
            return []
        table = PAYMENT_INTENT
        own = select(table.c.recorded_at).where(table.c.intent_id == intent.intent_id)
        is_earlier = table.c.recorded_at < func.coalesce(own.scalar_subquery(), func.now())
        is_of_order = (
            (table.c.chain_id == intent.chain_id)
            & (table.c.contract == intent.contract)
            & (table.c.order_id == intent.stated_order)
        )
        is_named_so = table.c.intent_id == intent.stated_order
        earlier = select(table).where(is_of_order, is_earlier, ~is_named_so)
        queries = (
            select(table).where(is_of_order, is_named_so),
            earlier.order_by(table.c.recorded_at, table.c.intent_id).limit(FIRST_ASKERS_MAX),
        )
        with self._engine.begin() as connection:
            return [intent_of(row) for query in queries for row in connection.execute(query)]

    def submit(self, submission: Submission, *, at_most: int | None) -> bool:
        """Store a submission, open and awake; False if it was there.

        The lock on the intent makes the count of its submissions exact.

        Raises:
            UnknownIntent: there is no such intent.
            TooManySubmissions: the intent has `at_most` already.
        """
        intent_id, table = submission.intent_id, PAYMENT_SUBMISSION
        of_intent = table.c.intent_id == intent_id
        columns = PAYMENT_INTENT.c
        lock = select(columns.chain_id, columns.contract).where(columns.intent_id == intent_id)
        known = select(table.c.intent_id).where(
            of_intent, table.c.transaction_hash == submission.transaction_hash
        )
        count = select(func.count()).select_from(table).where(of_intent)
        with self._engine.begin() as connection:
            asked = connection.execute(lock.with_for_update()).first()
            if asked is None:
                raise UnknownIntent(intent_id)
            if connection.execute(known).first() is not None:
                return False
            if at_most is not None and connection.execute(count).scalar_one() >= at_most:
                raise TooManySubmissions(intent_id, at_most)
            row = {"intent_id": intent_id, "transaction_hash": submission.transaction_hash}
            connection.execute(insert(table).values(row))
            of_chain = {"chain_id": asked.chain_id, "contract": asked.contract}
            state = {"is_woken": True, "is_indexed": False}
            connection.execute(insert(PAYMENT_OPEN).values(row | of_chain | state))
        return True

    def submissions(self, intent_id: Hash32) -> list[Submission]:
        """Every transaction that an intent was told of, oldest first."""
        table = PAYMENT_SUBMISSION
        query = select(table.c.intent_id, table.c.transaction_hash)
        query = query.where(table.c.intent_id == intent_id)
        with self._engine.begin() as connection:
            rows = connection.execute(query.order_by(table.c.recorded_at)).all()
        return [Submission(row.intent_id, row.transaction_hash) for row in rows]

    def claims(self, intent_id: Hash32) -> list[Place]:
        """The places that were claimed for an intent, in order."""
        table = PAYMENT_CLAIM
        query = select(table).where(table.c.intent_id == intent_id).order_by(table.c.attempt)
        with self._engine.begin() as connection:
            return [place_of(row) for row in connection.execute(query)]

    def owner_of(self, place: Place) -> Hash32 | None:
        """The intent that a place was claimed for."""
        with self._engine.begin() as connection:
            return connection.execute(_owner(place)).scalar_one_or_none()

    def bind(self, intent_id: Hash32, place: Place, *, attempt: int) -> Hash32 | None:
        """Claim a place for an intent, for ever, as its claim number `attempt`.

        Whichever unique constraint refuses the row, the rows that are there say who was first.
        """
        row = place_row(place) | {"intent_id": intent_id, "attempt": attempt}
        with self._engine.begin() as connection:
            connection.execute(insert(PAYMENT_CLAIM).values(row).on_conflict_do_nothing())
            return connection.execute(_owner(place)).scalar_one_or_none()

    def last_verdict(self, submission: Submission) -> RecordedVerdict | None:
        """The newest line of the history."""
        with self._engine.begin() as connection:
            return _last(connection, submission)

    def history(self, submission: Submission) -> list[RecordedVerdict]:
        """Every line, oldest first."""
        table = PAYMENT_VERDICT
        query = select(table).where(
            table.c.intent_id == submission.intent_id,
            table.c.transaction_hash == submission.transaction_hash,
        )
        with self._engine.begin() as connection:
            return [verdict_of(row) for row in connection.execute(query.order_by(table.c.id))]

    def open_since(self, submission: Submission) -> Timestamp | None:
        """When an open submission was looked at first; None where it was not yet."""
        query = select(PAYMENT_OPEN.c.since).where(_is(PAYMENT_OPEN, submission))
        with self._engine.begin() as connection:
            return connection.execute(query).scalar_one_or_none()

    def record(
        self,
        verdict: RecordedVerdict,
        *,
        after: RecordedVerdict | None,
        next_look: NextLook | None,
    ) -> bool:
        """Append a line to the history, if its newest line is still `after`; whether it was.

        The lock on the submission orders those who looked at the same time.
        """
        submission = Submission(verdict.intent_id, verdict.transaction_hash)
        lock = select(PAYMENT_SUBMISSION.c.intent_id).where(_is(PAYMENT_SUBMISSION, submission))
        with self._engine.begin() as connection:
            connection.execute(lock.with_for_update())
            if _last(connection, submission) != after:
                return False
            if verdict != after:
                connection.execute(insert(PAYMENT_VERDICT).values(verdict_row(verdict)))
            is_it = _is(PAYMENT_OPEN, submission)
            if next_look is None:
                connection.execute(delete(PAYMENT_OPEN).where(is_it))
            else:
                row = next_look_row(next_look)
                connection.execute(update(PAYMENT_OPEN).where(is_it).values(row))
        return True

    def _is_ours(self) -> ColumnElement[bool]:
        columns = PAYMENT_INTENT.c
        return (columns.chain_id == self._chain_id) & columns.contract.in_(self._contracts)


def _is(table: Table, submission: Submission) -> ColumnElement[bool]:
    return (table.c.intent_id == submission.intent_id) & (
        table.c.transaction_hash == submission.transaction_hash
    )


def _last(connection: Connection, submission: Submission) -> RecordedVerdict | None:
    """The newest line of a submission's history."""
    table = PAYMENT_VERDICT
    query = (
        select(table)
        .where(table.c.intent_id == submission.intent_id)
        .where(table.c.transaction_hash == submission.transaction_hash)
        .order_by(table.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else verdict_of(row)


def _owner(place: Place) -> Select[Any]:
    columns = PAYMENT_CLAIM.c
    wanted = [columns[name] == value for name, value in place_row(place).items()]
    return select(columns.intent_id).where(*wanted)
