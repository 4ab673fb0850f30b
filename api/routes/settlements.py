"""Which deployments this server answers for."""

from fastapi import APIRouter

from api.context import ContextOf
from api.schemas.service import SettlementOut, Settlements

router = APIRouter(tags=["settlements"])


@router.get("/settlements")
async def list_settlements(context: ContextOf) -> Settlements:
    """All deployments, with the addresses of their contracts."""
    return Settlements(
        items=[
            SettlementOut(
                name=settlement.name,
                chain_id=settlement.chain_id,
                start_block=settlement.start_block,
                contracts={name.value: at for name, at in settlement.contracts.items()},
                tokens=list(settlement.tokens),
            )
            for settlement in context.deps.settlements
        ]
    )
