"""Verdicts reopened, because the final block that they rest on is not on the chain any more.

A terminal verdict ends the look at a submission for good. Where finalized blocks were replaced by a
person's hand, a line that is not terminal is appended, so that the submission is looked at anew,
and events are looked through again from there. Claims stay: a log that was claimed for an order is
that order's, also when it is mined again.
"""

from sqlalchemy import Connection, Select, and_, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import BlockNumber, ChainId
from settlement.payments.adapters.tables import (
    PAYMENT_CURSOR,
    PAYMENT_INTENT,
    PAYMENT_OPEN,
    PAYMENT_VERDICT,
)
from settlement.payments.states import State


def verdicts_above(db_tx: Connection, chain_id: ChainId, number: BlockNumber) -> int:
    """How many submissions ended on a block above this one, or ended without any."""
    query = select(func.count()).select_from(_ended_above(chain_id, number).subquery())
    return db_tx.execute(query).scalar_one()


def reopen_verdicts(db_tx: Connection, chain_id: ChainId, number: BlockNumber) -> int:
    """Reopen those submissions; how many."""
    table = PAYMENT_VERDICT.c
    ended = _ended_above(chain_id, number).subquery().c
    rows = select(
        ended.intent_id,
        ended.transaction_hash,
        literal(State.GONE.value),
        literal(False),
        ended.outcome,
        ended.failed,
        ended.source,
        ended.block_number,
        ended.block_hash,
        ended.log_index,
        literal(f"the chain was rewound to block {number}"),
    )
    names = [
        *("intent_id", "transaction_hash", "state", "is_terminal", "outcome", "failed"),
        *("source", "block_number", "block_hash", "log_index", "reason"),
    ]
    statement = insert(PAYMENT_VERDICT).from_select(names, rows)
    lines = statement.returning(table.intent_id, table.transaction_hash)
    reopened = [tuple(row) for row in db_tx.execute(lines)]
    _open(db_tx, reopened)
    cursor = PAYMENT_CURSOR
    is_above = (cursor.c.chain_id == chain_id) & (cursor.c.number > number)
    db_tx.execute(update(cursor).where(is_above).values(number=number))
    return len(reopened)


def _open(db_tx: Connection, submissions: list[tuple[object, ...]]) -> None:
    """Let the next run look at them."""
    if not submissions:
        return
    table, intent = PAYMENT_OPEN, PAYMENT_INTENT.c
    asked = {
        row.intent_id: row
        for row in db_tx.execute(
            select(intent.intent_id, intent.chain_id, intent.contract).where(
                intent.intent_id.in_({one[0] for one in submissions})
            )
        )
    }
    rows = [
        {
            "intent_id": intent_id,
            "transaction_hash": tx_hash,
            "chain_id": asked[intent_id].chain_id,
            "contract": asked[intent_id].contract,
            "is_woken": True,
            "is_indexed": False,
        }
        for intent_id, tx_hash in submissions
    ]
    db_tx.execute(insert(table).on_conflict_do_nothing(), rows)


def _ended_above(chain_id: ChainId, number: BlockNumber) -> Select[tuple[object, ...]]:
    """The last verdicts that are terminal, of blocks above this one or of none."""
    table, intent = PAYMENT_VERDICT, PAYMENT_INTENT
    last = select(func.max(table.c.id)).group_by(table.c.intent_id, table.c.transaction_hash)
    return (
        select(*table.c)
        .join(intent, and_(intent.c.intent_id == table.c.intent_id))
        .where(table.c.id.in_(last), table.c.is_terminal, intent.c.chain_id == chain_id)
        .where(func.coalesce(table.c.block_number, number + 1) > number)
    )
