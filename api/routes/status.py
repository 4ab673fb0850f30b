"""Where the index of every chain stands."""

from fastapi import APIRouter

from api.adapters.chains import ChainRow, read_chains
from api.adapters.snapshot import Snapshot, snapshot
from api.context import Context, ContextOf
from api.schemas.service import ChainStatus, Status
from contracts.evm import ChainId

router = APIRouter(tags=["status"])


@router.get("/status")
async def show_status(context: ContextOf) -> Status:
    """Head, cursor, finalized block, lag and last reorg of every chain."""
    async with snapshot(context.pool) as reads:
        return Status(chains=await chain_statuses(context, reads))


async def chain_statuses(context: Context, reads: Snapshot) -> list[ChainStatus]:
    """The status of every chain, ascending by chain id."""
    rows = await read_chains(reads, context.chain_ids)
    return [
        _chain_status(context, chain_id, rows.get(chain_id), await context.heads.head(chain_id))
        for chain_id in context.chain_ids
    ]


def _chain_status(
    context: Context, chain_id: ChainId, row: ChainRow | None, head: int | None
) -> ChainStatus:
    if row is None:
        return ChainStatus(
            chain_id=chain_id,
            head=head,
            indexed=None,
            finalized=None,
            lag_blocks=None,
            lag_s=None,
            reorgs=0,
            last_reorg=None,
        )
    return ChainStatus(
        chain_id=chain_id,
        head=head,
        indexed=row.indexed,
        finalized=row.finalized,
        lag_blocks=None if head is None else max(0, head - row.number),
        lag_s=max(0, context.deps.now() - row.timestamp),
        reorgs=row.reorgs,
        last_reorg=row.last_reorg,
    )
