"""Reads of what the last look at payouts found, and of what is planned and not over."""

from dataclasses import dataclass
from typing import Any

from api.adapters.snapshot import Snapshot
from api.metrics import PayoutReading
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from settlement.payouts.operation import CLOSING_FATES

_PAYING = (ContractName.TIP_RELAY, ContractName.PAYOUT_BATCH)

_STANDING = """
    SELECT extract(epoch FROM now() - s.updated_at)::bigint AS looked_s_ago,
           coalesce(s.needs, '[]'::jsonb) AS needs, o.open_operations,
           coalesce(extract(epoch FROM now() - o.oldest)::bigint, 0) AS oldest_s
    FROM (
        SELECT count(*) AS open_operations, min(p.recorded_at) AS oldest FROM payout_operation p
        WHERE p.chain_id = %(chain_id)s AND p.contract = ANY(%(paying)s) AND NOT EXISTS (
            SELECT FROM payout_outcome c
            WHERE c.op_id = p.op_id AND c.fate = ANY(%(closing)s) AND c.version = (
                SELECT coalesce(max(r.version), 0) FROM payout_retraction r
                WHERE r.op_id = p.op_id))
    ) o
    LEFT JOIN payout_standing s ON s.chain_id = %(chain_id)s AND s.contract = %(payouts)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRow:
    """One settlement; there is no look before the worker's first."""

    looked_s_ago: int | None
    needs: list[dict[str, Any]]
    open_operations: int
    oldest_s: int


async def read_payout_standing(reads: Snapshot, settlement: Settlement) -> PayoutReading:
    """Payouts of one settlement, for a monitor."""
    paying = [settlement.payments[one] for one in _PAYING if one in settlement.payments]
    (row,) = await reads.rows(
        StandingRow,
        _STANDING,
        {
            "chain_id": settlement.chain_id,
            "payouts": bytes(settlement.payouts),
            "paying": [bytes(one) for one in (settlement.payouts, *paying)],
            "closing": [one.value for one in CLOSING_FATES],
        },
    )
    return PayoutReading(
        settlement=settlement.name,
        looked_s_ago=row.looked_s_ago,
        needs=tuple((one["kind"], one["count"]) for one in row.needs),
        open_operations=row.open_operations,
        oldest_s=max(row.oldest_s, 0),
    )
