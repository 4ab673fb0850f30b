"""Intents, submissions, claims and verdicts in Postgres; each call is one transaction."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, ChainId, Hash32, Timestamp
from settlement.payments.adapters.rows import (
    intent_of,
    intent_row,
    place_of,
    place_row,
    verdict_of,
    verdict_row,
)
from settlement.payments.adapters.tables import (
    PAYMENT_CLAIM,
    PAYMENT_INTENT,
    PAYMENT_SUBMISSION,
    PAYMENT_VERDICT,
)
from settlement.payments.errors import TooManySubmissions, UnknownIntent
from settlement.payments.evidence import Place
from settlement.payments.intent import PaymentIntent
from settlement.payments.ports import RecordedVerdict, Submission

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
        is_own_id = table.c.intent_id == intent.stated_order
        is_earlier = table.c.recorded_at < func.coalesce(own.scalar_subquery(), func.now())
        query = (
            select(table)
            .where(table.c.chain_id == intent.chain_id, table.c.contract == intent.contract)
            .where(table.c.order_id == intent.stated_order, is_own_id | is_earlier)
            .order_by(is_own_id.desc(), table.c.recorded_at)
            .limit(FIRST_ASKERS_MAX)
        )
        with self._engine.begin() as connection:
            return [intent_of(row) for row in connection.execute(query)]

    def submit(self, submission: Submission, *, at_most: int | None) -> bool:
        """Store a submission; False if it was there.

        The lock on the intent makes the count of its submissions exact.

        Raises:
            UnknownIntent: there is no such intent.
            TooManySubmissions: the intent has `at_most` already.
        """
        intent_id, table = submission.intent_id, PAYMENT_SUBMISSION
        of_intent = table.c.intent_id == intent_id
        lock = select(PAYMENT_INTENT.c.intent_id).where(PAYMENT_INTENT.c.intent_id == intent_id)
        known = select(table.c.intent_id).where(
            of_intent, table.c.transaction_hash == submission.transaction_hash
        )
        count = select(func.count()).select_from(table).where(of_intent)
        with self._engine.begin() as connection:
            if connection.execute(lock.with_for_update()).first() is None:
                raise UnknownIntent(intent_id)
            if connection.execute(known).first() is not None:
                return False
            if at_most is not None and connection.execute(count).scalar_one() >= at_most:
                raise TooManySubmissions(intent_id, at_most)
            connection.execute(
                insert(table).values(
                    intent_id=intent_id, transaction_hash=submission.transaction_hash
                )
            )
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

    def record(self, verdict: RecordedVerdict, *, after: RecordedVerdict | None) -> bool:
        """Append a line to the history, if its newest line is still `after`; whether it was.

        The lock on the submission orders those who looked at the same time.
        """
        submission = Submission(verdict.intent_id, verdict.transaction_hash)
        table = PAYMENT_SUBMISSION
        lock = select(table.c.intent_id).where(
            table.c.intent_id == submission.intent_id,
            table.c.transaction_hash == submission.transaction_hash,
        )
        with self._engine.begin() as connection:
            connection.execute(lock.with_for_update())
            if _last(connection, submission) != after:
                return False
            connection.execute(insert(PAYMENT_VERDICT).values(verdict_row(verdict)))
        return True

    def open_submissions(self, *, after: Submission | None, limit: int) -> list[Submission]:
        """Submissions whose last verdict is not terminal, in order, after a given one."""
        table, intent, verdict = PAYMENT_SUBMISSION, PAYMENT_INTENT, PAYMENT_VERDICT
        is_ended = (
            select(verdict.c.is_terminal)
            .where(
                verdict.c.intent_id == table.c.intent_id,
                verdict.c.transaction_hash == table.c.transaction_hash,
            )
            .order_by(verdict.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        key = tuple_(table.c.intent_id, table.c.transaction_hash)
        query = (
            select(table.c.intent_id, table.c.transaction_hash)
            .join(intent, intent.c.intent_id == table.c.intent_id)
            .where(self._is_ours(), func.coalesce(is_ended, False).is_(False))
            .order_by(table.c.intent_id, table.c.transaction_hash)
            .limit(limit)
        )
        if after is not None:
            query = query.where(key > tuple_(bytes(after.intent_id), bytes(after.transaction_hash)))
        with self._engine.begin() as connection:
            return [
                Submission(row.intent_id, row.transaction_hash) for row in connection.execute(query)
            ]

    def unclaimed_intents(
        self, *, until_after: Timestamp, after: Hash32 | None, limit: int
    ) -> list[PaymentIntent]:
        """Intents with an order and without a claim that end after a time, by id, after one."""
        table, claim = PAYMENT_INTENT, PAYMENT_CLAIM
        is_claimed = (
            select(claim.c.intent_id).where(claim.c.intent_id == table.c.intent_id).exists()
        )
        query = (
            select(table)
            .where(self._is_ours(), table.c.until > until_after)
            .where(table.c.order_id.is_not(None), ~is_claimed)
            .order_by(table.c.intent_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(table.c.intent_id > after)
        with self._engine.begin() as connection:
            return [intent_of(row) for row in connection.execute(query)]

    def _is_ours(self) -> ColumnElement[bool]:
        columns = PAYMENT_INTENT.c
        return (columns.chain_id == self._chain_id) & columns.contract.in_(self._contracts)


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
