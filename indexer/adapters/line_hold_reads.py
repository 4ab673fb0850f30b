"""Reads of facts: who is held by a contract that owes lines of lists, and until when."""

from sqlalchemy import Connection, literal, select, union_all

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockRef, Timestamp
from contracts.payment_event_specs import (
    BATCH_HOLD_LIFTED,
    BATCH_HOLD_PLACED,
    RELAY_HOLD_LIFTED,
    RELAY_HOLD_PLACED,
)
from indexer.adapters.tables import FACTS

_HOLDS = {
    ContractName.TIP_RELAY: (RELAY_HOLD_PLACED, RELAY_HOLD_LIFTED),
    ContractName.PAYOUT_BATCH: (BATCH_HOLD_PLACED, BATCH_HOLD_LIFTED),
}


def line_holds(
    connection: Connection, settlement: Settlement, name: ContractName, at: BlockRef
) -> dict[Address, Timestamp]:
    """When the hold of each payee ends that is held at a block; the last event of each counts."""
    placed, lifted = (FACTS[spec.table].c for spec in _HOLDS[name])
    events = union_all(
        *(
            select(facts.account, facts.block_number, facts.log_index, expires_at).where(
                facts.chain_id == settlement.chain_id,
                facts.address == settlement.payments[name],
                facts.block_number <= at.number,
            )
            for facts, expires_at in (
                (placed, placed.expires_at),
                (lifted, literal(0).label("expires_at")),
            )
        )
    ).subquery()
    ordered = select(events).order_by(events.c.block_number, events.c.log_index)
    last = {row.account: Timestamp(row.expires_at) for row in connection.execute(ordered)}
    return {account: ends for account, ends in last.items() if ends > at.timestamp}
