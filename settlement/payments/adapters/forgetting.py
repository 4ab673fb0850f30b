"""Forgetting intents in Postgres.

The intents are locked first, so that nobody submits a transaction for one meanwhile; whether they
may go is asked after that. The triggers ask the same view again, row by row.
"""

from collections.abc import Collection

from sqlalchemy import Connection, Engine, delete, select, text, tuple_

from contracts.evm import Address, ChainId, Hash32, Timestamp
from settlement.payments.adapters.tables import FORGETTABLE, PAYMENT_INTENT
from settlement.payments.forgetting import Forgotten, Turn

_LOCK = text("""
    SELECT intent_id FROM payment_intent i
    WHERE intent_id = ANY(:intents) AND recorded_at < now() - make_interval(secs => :kept_s)
      AND EXISTS (SELECT FROM payment_forgettable f WHERE f.intent_id = i.intent_id)
    FOR UPDATE SKIP LOCKED
""")
_STILL = text("SELECT intent_id FROM payment_forgettable WHERE intent_id = ANY(:intents)")


class SqlUnpaidIntents:
    """`UnpaidIntents` for the payments that go through some contracts of one chain."""

    def __init__(self, engine: Engine, chain_id: ChainId, contracts: Collection[Address]) -> None:
        self._engine = engine
        columns = PAYMENT_INTENT.c
        self._is_ours = (columns.chain_id == chain_id) & columns.contract.in_(sorted(contracts))

    def forget(
        self, before: Timestamp, kept_s: int, *, after: Turn | None, limit: int
    ) -> Forgotten:
        """Forget those of the next intents that may go."""
        columns = PAYMENT_INTENT.c
        query = select(columns.until, columns.intent_id).where(
            self._is_ours, columns.until <= before
        )
        if after is not None:
            last = tuple_(after.until, bytes(after.intent_id))
            query = query.where(tuple_(columns.until, columns.intent_id) > last)
        query = query.order_by(columns.until, columns.intent_id).limit(limit)
        with self._engine.begin() as connection:
            page = [Turn(Timestamp(row.until), row.intent_id) for row in connection.execute(query)]
            count = _forget(connection, [one.intent_id for one in page], kept_s)
        return Forgotten(count=count, last=page[-1] if len(page) == limit else None)


def _forget(connection: Connection, intents: list[Hash32], kept_s: int) -> int:
    wanted = {"intents": [bytes(one) for one in intents], "kept_s": kept_s}
    locked = list(connection.execute(_LOCK, wanted).scalars())
    going = list(connection.execute(_STILL, {"intents": locked}).scalars())
    for table in FORGETTABLE:
        connection.execute(delete(table).where(table.c.intent_id.in_(map(Hash32, going))))
    return len(going)
