"""What there is to look at, in Postgres; each call is one transaction.

Every question has an index of its own, so an answer costs what it holds, and not what is open.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Engine, func, select, text, tuple_, union, update
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, BlockNumber, ChainId, Hash32, Timestamp
from settlement.payments.adapters.tables import PAYMENT_CURSOR, PAYMENT_OPEN
from settlement.payments.ports import LATE_REASON, Submission
from settlement.payments.watching import Moment, OrderEvent

ASKERS_MAX = 16
"""Intents of one order that an event is submitted for, besides the one whose id it is."""

_NOTE = text("""
    WITH event AS (
        SELECT * FROM unnest(
            CAST(:contracts AS bytea[]), CAST(:orders AS bytea[]),
            CAST(:transactions AS bytea[]), CAST(:blocks AS bytea[])
        ) AS e (contract, order_id, transaction_hash, block_hash)
    ), asked AS (
        SELECT DISTINCT i.intent_id, e.transaction_hash, e.contract, e.block_hash
        FROM event e CROSS JOIN LATERAL (
            (SELECT intent_id FROM payment_intent
             WHERE chain_id = :chain_id AND contract = e.contract AND order_id = e.order_id
             ORDER BY recorded_at LIMIT :askers_max)
            UNION
            SELECT intent_id FROM payment_intent
            WHERE intent_id = e.order_id AND chain_id = :chain_id AND contract = e.contract
                  AND order_id = e.order_id
        ) i
    ), woken AS (
        UPDATE payment_open o SET is_woken = true
        FROM asked a
        WHERE o.intent_id = a.intent_id AND o.transaction_hash = a.transaction_hash
          AND (o.block_hash IS DISTINCT FROM a.block_hash OR NOT o.is_indexed)
    ), told AS (
        INSERT INTO payment_submission (intent_id, transaction_hash)
        SELECT DISTINCT intent_id, transaction_hash FROM asked ORDER BY 1, 2
        ON CONFLICT DO NOTHING
        RETURNING intent_id, transaction_hash
    ), late AS (
        SELECT DISTINCT a.intent_id, a.transaction_hash, a.contract
        FROM asked a
        CROSS JOIN LATERAL (
            SELECT is_terminal, state FROM payment_verdict v
            WHERE v.intent_id = a.intent_id AND v.transaction_hash = a.transaction_hash
            ORDER BY v.id DESC LIMIT 1
        ) last
        WHERE last.is_terminal AND last.state IN ('expired', 'gone')
    ), reopened AS (
        INSERT INTO payment_verdict
            (intent_id, transaction_hash, state, is_terminal, failed, reason)
        SELECT intent_id, transaction_hash, 'awaited', false, '{}', :late FROM late
    )
    INSERT INTO payment_open
        (intent_id, transaction_hash, chain_id, contract, is_woken, is_indexed)
    SELECT intent_id, transaction_hash, CAST(:chain_id AS bigint), contract, true, false
    FROM (
        SELECT DISTINCT intent_id, transaction_hash, contract
        FROM told JOIN asked USING (intent_id, transaction_hash)
        UNION
        SELECT * FROM late
    ) opened
    ON CONFLICT DO NOTHING
""")


class SqlWatch:
    """`PaymentWatch` for the payments that go through some contracts of one chain."""

    def __init__(self, engine: Engine, chain_id: ChainId, contracts: Collection[Address]) -> None:
        self._engine = engine
        self._chain_id, self._contracts = chain_id, sorted(contracts)
        table = PAYMENT_OPEN.c
        self._is_ours = (table.chain_id == chain_id) & table.contract.in_(self._contracts)

    def looked_up_to(self) -> BlockNumber:
        """The final block up to which all events were noted; -1 before the first run.

        A contract that is new among ours begins anew.
        """
        table = PAYMENT_CURSOR.c
        query = select(func.count(), func.min(table.number)).where(
            table.chain_id == self._chain_id, table.contract.in_(self._contracts)
        )
        with self._engine.begin() as connection:
            count, number = connection.execute(query).one()
        return BlockNumber(-1 if count < len(self._contracts) else number)

    def move_to(self, number: BlockNumber) -> None:
        """Events up to this final block are noted."""
        table = PAYMENT_CURSOR
        rows = [
            {"chain_id": self._chain_id, "contract": contract, "number": number}
            for contract in self._contracts
        ]
        fresh = insert(table)
        moved = fresh.on_conflict_do_update(
            index_elements=[table.c.chain_id, table.c.contract],
            set_={"number": fresh.excluded.number},
            where=table.c.number < fresh.excluded.number,
        )
        with self._engine.begin() as connection:
            connection.execute(moved, rows)

    def note(self, events: Sequence[OrderEvent]) -> None:
        """Submit these transactions for the intents that ask for their orders, or wake them.

        What had ended without a block is opened again: money came after the end of the wait.
        """
        values = {
            "chain_id": self._chain_id,
            "late": LATE_REASON,
            "askers_max": ASKERS_MAX,
            "contracts": [bytes(one.contract) for one in events],
            "orders": [bytes(one.order_id) for one in events],
            "transactions": [bytes(one.transaction_hash) for one in events],
            "blocks": [bytes(one.block_hash) for one in events],
        }
        with self._engine.begin() as connection:
            connection.execute(_NOTE, values)

    def blocks_above(self, number: BlockNumber) -> list[tuple[BlockNumber, Hash32]]:
        """Different blocks above a height that open submissions were seen in."""
        table = PAYMENT_OPEN.c
        query = select(table.block_number, table.block_hash).distinct()
        query = query.where(table.chain_id == self._chain_id, table.block_number > number)
        with self._engine.begin() as connection:
            return [(row.block_number, row.block_hash) for row in connection.execute(query)]

    def wake_in(self, blocks: Sequence[Hash32]) -> None:
        """Wake all that were seen in these blocks."""
        if not blocks:
            return
        table = PAYMENT_OPEN
        is_there = (table.c.chain_id == self._chain_id) & table.c.block_hash.in_(blocks)
        with self._engine.begin() as connection:
            connection.execute(update(table).where(is_there).values(is_woken=True))

    def wake(self, submissions: Sequence[Submission]) -> None:
        """Wake those of them that are open."""
        if not submissions:
            return
        key = tuple_(PAYMENT_OPEN.c.intent_id, PAYMENT_OPEN.c.transaction_hash)
        keys = [(one.intent_id, one.transaction_hash) for one in submissions]
        with self._engine.begin() as connection:
            connection.execute(update(PAYMENT_OPEN).where(key.in_(keys)).values(is_woken=True))

    def due(self, moment: Moment, *, after: Submission | None, limit: int) -> list[Submission]:
        """What must be looked at, by intent and transaction, after a given one."""
        table = PAYMENT_OPEN.c
        causes: list[ColumnElement[bool]] = [table.is_woken]
        causes += [
            column <= reached
            for column, reached in (
                (table.settles_at, moment.finalized),
                (table.safe_at, moment.safe),
                (table.ends_at, moment.final_at),
            )
            if reached is not None
        ]
        key = (table.intent_id, table.transaction_hash)
        found = union(*(select(*key).where(self._is_ours, cause) for cause in causes)).subquery().c
        query = select(found.intent_id, found.transaction_hash)
        if after is not None:
            last = tuple_(bytes(after.intent_id), bytes(after.transaction_hash))
            query = query.where(tuple_(found.intent_id, found.transaction_hash) > last)
        query = query.order_by(found.intent_id, found.transaction_hash).limit(limit)
        with self._engine.begin() as connection:
            return [Submission(*row) for row in connection.execute(query)]

    def to_ask(self, now: Timestamp, limit: int) -> list[Submission]:
        """What a node must be asked about, whoever waits longest first."""
        table = PAYMENT_OPEN.c
        query = (
            select(table.intent_id, table.transaction_hash)
            .where(self._is_ours, table.ask_at <= now)
            .order_by(table.ask_at)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            return [Submission(*row) for row in connection.execute(query)]

    def postpone(self, submission: Submission, ask_at: Timestamp) -> None:
        """Nobody could tell: put it to sleep until then."""
        table = PAYMENT_OPEN
        is_it = (table.c.intent_id == submission.intent_id) & (
            table.c.transaction_hash == submission.transaction_hash
        )
        asleep = {"is_woken": False, "ask_at": ask_at, "ends_at": None}
        with self._engine.begin() as connection:
            connection.execute(update(table).where(is_it).values(asleep))
