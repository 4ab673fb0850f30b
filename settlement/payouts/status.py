"""The whole history of one operation, as `quittance payout status` shows it."""

from dataclasses import dataclass

from contracts.evm import BlockRef, Hash32
from settlement.payouts.decision import Standing, standing
from settlement.payouts.observe import observe
from settlement.payouts.operation import History
from settlement.payouts.protocols import Finality, Histories, PayoutChain


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutStatus:
    """What is stored, and where it stands at `finalized`; None while no block is finalized."""

    history: History
    standing: Standing | None
    finalized: BlockRef | None


def payout_status(
    op_id: Hash32, *, histories: Histories, chain: PayoutChain, finality: Finality
) -> PayoutStatus | None:
    """Look one operation up; None if it was never planned.

    Raises:
        ChainUnavailable: the node does not have the finalized block, or did not answer.
    """
    history = histories.history(op_id)
    if history is None:
        return None
    finalized = finality.finalized()
    if finalized is None:
        return PayoutStatus(history=history, standing=None, finalized=None)
    sighting = observe(chain, finalized, [history], spent={}, open_attempts=())
    return PayoutStatus(
        history=history,
        standing=standing(history, sighting.usages[op_id], sighting.view),
        finalized=finalized,
    )
