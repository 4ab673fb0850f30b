"""Where the index of every chain stands."""

from fastapi import APIRouter

from api.adapters.chains import ChainReading, ChainRow, read_chains
from api.adapters.snapshot import Snapshot, snapshot
from api.context import Context, ContextOf
from api.schemas.service import ChainStatus, IndexerState, Status

router = APIRouter(tags=["status"])


@router.get("/status")
async def show_status(context: ContextOf) -> Status:
    """What every chain's indexer is doing: head, cursor, finalized block, lag, level, reorgs."""
    async with snapshot(context.pool) as reads:
        chains = await read_statuses(context, reads)
    return Status(chains=[chain.status for chain in chains])


async def read_statuses(context: Context, reads: Snapshot) -> list[ChainReading]:
    """The status of every chain, ascending by chain id."""
    rows = await read_chains(reads, context.chain_ids)
    return [
        _reading(context, rows[chain_id], await context.heads.head(chain_id))
        for chain_id in context.chain_ids
    ]


def _reading(context: Context, row: ChainRow, asked_head: int | None) -> ChainReading:
    head = row.reported_head if asked_head is None else asked_head
    indexed, counters = row.indexed, row.counters
    state, reason = _standing(row, report_s_max=context.deps.limits.report_s_max)
    status = ChainStatus(
        chain_id=row.chain_id,
        state=state,
        reason=reason,
        level=row.level,
        reported_s_ago=row.reported_s_ago,
        head=head,
        indexed=indexed,
        finalized=row.finalized,
        lag_blocks=None if head is None or indexed is None else max(0, head - indexed.number),
        lag_s=None if indexed is None else max(0, context.deps.now() - indexed.timestamp),
        disputed_blocks=[] if counters is None else counters.disputed_blocks,
        blocks_by_proof=None if counters is None else counters.coverage,
        reorgs=row.reorgs,
        deepest_reorg_blocks=row.deepest_reorg_blocks,
        last_reorg=row.last_reorg,
    )
    return ChainReading(status=status, counters=counters)


def _standing(row: ChainRow, *, report_s_max: int) -> tuple[IndexerState, str | None]:
    """What the indexer says of itself; or that it says nothing, if it did not halt before."""
    if row.state is None or row.reported_s_ago is None:
        return "absent", "no indexer has reported yet"
    if row.reported_s_ago > report_s_max and row.state != "halted":
        said = row.state if row.reason is None else f"{row.state}: {row.reason}"
        return "silent", f"the last report is {row.reported_s_ago} seconds old ({said})"
    return row.state, row.reason
