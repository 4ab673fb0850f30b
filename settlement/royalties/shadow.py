"""A shadow epoch: what an epoch would have paid under other parameters, before they are in force.

Everything but the parameters is that of the epoch, so the difference is theirs alone. The same
money is divided in both: per asset, what payees gain together is what unallocated loses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.batches import ParametersColumns
from contracts.evm import Address, Epoch
from contracts.units import BaseUnits
from settlement.royalties.allocate_shards import ShardFacts, allocated_here
from settlement.royalties.compute_large_epoch import LargeEpoch
from settlement.royalties.derivation import ComputedEpoch, inputs_of, registry_of
from settlement.royalties.difference import Difference, difference
from settlement.royalties.distribution import Distribution, settle
from settlement.royalties.parameters import (
    Parameters,
    parameters_from_bytes,
    parameters_in_force,
)
from settlement.royalties.shard_distribution import settle_shards


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """An epoch under its own parameters (`before`) and under others (`now`)."""

    present: Parameters
    other: Parameters
    distribution: Distribution
    difference: Difference


def shadow(computed: ComputedEpoch, other: Parameters) -> Shadow:
    """Settle a computed epoch once more, under other parameters.

    Raises:
        UnknownName: they name no published ruleset.
    """
    facts = computed.facts
    distribution = settle(inputs_of(facts), other, registry_of(facts))
    return Shadow(
        present=parameters_in_force(computed.frame.parameters, computed.frame.epoch),
        other=other,
        distribution=distribution,
        difference=difference(distribution, computed.distribution),
    )


def shadow_of_large(
    computed: LargeEpoch,
    other: Parameters,
    *,
    facts: ShardFacts,
    funded: Mapping[Address, BaseUnits],
) -> Shadow:
    """Allocate a large epoch once more, under other parameters, and settle it; nothing is kept.

    Raises:
        UnknownName: they name no published ruleset.
    """
    order = replace(computed.order, parameters=other)
    total, _ = allocated_here(order, facts)
    distribution = settle_shards(
        total, funded=funded, parameters=other, registry=order.registry, scope=order.scope
    )
    return Shadow(
        present=computed.order.parameters,
        other=other,
        distribution=distribution,
        difference=difference(distribution, computed.distribution),
    )


def announced_parameters(columns: ParametersColumns, epoch: Epoch) -> Parameters | None:
    """The parameters announced last, in chain order, if they come into force after the epoch.

    Raises:
        BadParameters: they cannot be read.
    """
    if not len(columns) or columns.effective_epoch[-1] <= epoch:
        return None
    return parameters_from_bytes(columns.parameters[-1])
