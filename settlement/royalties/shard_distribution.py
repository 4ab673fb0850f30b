"""From the total of all shards to the leaves of an epoch: `settle`, where the sums are known.

    shards ──► total ──► leaves, totals, quarantine

What each subscriber's fee came to is not in it: that is `allocations.jsonl`, which is written as a
stream (`shard_lines.py`) and never held.
"""

from collections.abc import Mapping
from operator import attrgetter

from contracts.evm import Address, Hash32
from contracts.leaves import Leaf
from contracts.units import BaseUnits
from settlement.royalties.charging import fee_leaves
from settlement.royalties.distribution import Distribution, check_funded, epoch_totals
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import Parameters
from settlement.royalties.reasons import listing_order
from settlement.royalties.registry import Registry
from settlement.royalties.resolution import resolve
from settlement.royalties.shard_result import ShardResult


def settle_shards(
    total: ShardResult,
    *,
    funded: Mapping[Address, BaseUnits],
    parameters: Parameters,
    registry: Registry,
    scope: EpochScope,
) -> Distribution:
    """Settle one epoch whose fees are shared already; `allocations` of the result is empty.

    Raises:
        FundedBelowFees: subscribers paid more than the payouts contract received.
        ConservationBroken: more was divided than there is.
    """
    check_funded({sums.asset: sums.paid for sums in total.assets}, funded)
    leaves: list[Leaf] = []
    quarantine = list(total.quarantined)
    for sums in total.assets:
        charged, unpaid = fee_leaves(
            sums.asset, [sums.charged], parameters, registry=registry, scope=scope
        )
        earned = {Hash32(work): BaseUnits(units) for work, units in sums.per_work.items()}
        resolved = resolve(sums.asset, earned, registry=registry, scope=scope)
        leaves += (*resolved.leaves, *charged)
        quarantine += (*resolved.unpaid, *unpaid)
    return Distribution(
        totals=epoch_totals(funded, leaves),
        leaves=tuple(sorted(leaves, key=attrgetter("work_id", "part", "asset"))),
        allocations=(),
        quarantine=tuple(sorted(quarantine, key=listing_order)),
    )
