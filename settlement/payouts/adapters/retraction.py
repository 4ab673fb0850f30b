"""Outcomes taken back, because the blocks that they were seen in are not on the chain any more.

An outcome is recorded when it is final, and a closing one ends the submitter's interest in its
operation for good. Where finalized blocks were replaced nevertheless, the operation must be looked
at anew. Nothing is paid twice by that: the rule against it (`payouts.decision`) rests on the chain
and on what was ever signed, which both stay as they are, and never on outcomes.
"""

from sqlalchemy import Connection, Select, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import BlockNumber, ChainId
from settlement.errors import PayoutsOwnedElsewhere
from settlement.payouts.adapters.ownership import lock_key
from settlement.payouts.adapters.store import stands
from settlement.payouts.adapters.tables import (
    PAYOUT_OPERATION,
    PAYOUT_OUTCOME,
    PAYOUT_RETRACTION,
)


def hold_payouts(db_tx: Connection, chain_id: ChainId) -> None:
    """Keep every submitter of the chain out until the transaction ends.

    Raises:
        PayoutsOwnedElsewhere: one of them is at work.
    """
    table = PAYOUT_OPERATION
    contracts = select(table.c.contract).where(table.c.chain_id == chain_id).distinct()
    for contract in sorted(db_tx.execute(contracts).scalars()):
        key = lock_key(chain_id, contract)
        if not db_tx.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one():
            raise PayoutsOwnedElsewhere(contract)


def outcomes_above(db_tx: Connection, chain_id: ChainId, number: BlockNumber) -> int:
    """How many operations have an outcome that was seen above a block."""
    query = select(func.count()).select_from(_seen_above(chain_id, number).subquery())
    return db_tx.execute(query).scalar_one()


def retract_outcomes(db_tx: Connection, chain_id: ChainId, number: BlockNumber) -> int:
    """Take back all outcomes of operations with one that was seen above a block; how many."""
    last = PAYOUT_RETRACTION.alias("last")
    version = (
        select(func.coalesce(func.max(last.c.version), 0) + 1)
        .where(last.c.op_id == PAYOUT_OPERATION.c.op_id)
        .scalar_subquery()
    )
    rows = _seen_above(chain_id, number).add_columns(version, literal(number))
    statement = insert(PAYOUT_RETRACTION).from_select(["op_id", "version", "block_number"], rows)
    return len(db_tx.execute(statement.returning(PAYOUT_RETRACTION.c.op_id)).all())


def _seen_above(chain_id: ChainId, number: BlockNumber) -> Select[tuple[bytes]]:
    outcome = PAYOUT_OUTCOME.c
    is_above = (
        select(outcome.op_id)
        .where(outcome.op_id == PAYOUT_OPERATION.c.op_id)
        .where(outcome.block_number > number, stands())
        .exists()
    )
    return select(PAYOUT_OPERATION.c.op_id).where(PAYOUT_OPERATION.c.chain_id == chain_id, is_above)
