"""The settlement of one epoch, as a pure function.

    distribution = settle(inputs, parameters, registry)

Same inputs, same distribution, on any machine. Each asset is shared by itself, with the same rows.
All money of the epoch is in the result: per asset, leaves + unallocated = paid in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from contracts.approvals import AssetTotals
from contracts.evm import ZERO_ADDRESS, Address, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.units import BaseUnits
from settlement.errors import ConservationBroken, FundedBelowFees
from settlement.royalties.inputs import EpochInputs
from settlement.royalties.parameters import Parameters
from settlement.royalties.quarantine import (
    AcceptedUsage,
    Quarantined,
    Reason,
    UsageRow,
    accept_usage,
)
from settlement.royalties.registry import Registry, WorkTerms
from settlement.royalties.rulesets import ruleset_named
from settlement.royalties.splits import parts, split_lines
from settlement.royalties.usercentric_v1 import Allocation, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """What one usage row earned in one asset, and every factor of it."""

    row: UsageRow
    price_ppm: int
    region_ppm: int
    discount_ppm: int
    credibility_ppm: int
    raw: int
    counted: int
    credited: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberAllocation:
    """One subscriber's fee in one asset, shared over its rows, which are in chain order.

    Invariant: Σ credited + unallocated = fee.
    """

    subscriber: Address
    asset: Address
    fee: BaseUnits
    unallocated: BaseUnits
    credits: tuple[Credit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Where all the money of one epoch goes.

    `totals` ascending by asset; `leaves` by (work, part, asset); `allocations` by (subscriber,
    asset); `quarantine` by (block, log, position, asset).
    """

    totals: tuple[AssetTotals, ...]
    leaves: tuple[Leaf, ...]
    allocations: tuple[SubscriberAllocation, ...]
    quarantine: tuple[Quarantined, ...]


def settle(inputs: EpochInputs, parameters: Parameters, registry: Registry) -> Distribution:
    """Settle one epoch.

    Raises:
        UnknownName: the parameters name no published ruleset.
        FundedBelowFees: subscribers paid more than the payouts contract received.
    """
    for asset, fees in inputs.fees.items():
        if sum(fees.values()) > inputs.funded.get(asset, 0):
            raise FundedBelowFees(
                asset, fees=sum(fees.values()), funded=inputs.funded.get(asset, 0)
            )
    ruleset = ruleset_named(parameters.ruleset)
    accepted = accept_usage(inputs, parameters, registry)
    weights = ruleset.weigh(accepted.usage, k_ppm=parameters.k_ppm, plays_max=parameters.plays_max)
    shared = {
        asset: ruleset.allocate(fees, accepted.usage, weights)
        for asset, fees in inputs.fees.items()
    }
    leaves, unpayable = _leaves(inputs, registry, shared)
    allocations = (
        allocation
        for asset, result in shared.items()
        for allocation in _allocations(asset, inputs.fees[asset], accepted, weights, result)
    )
    return Distribution(
        totals=_totals(inputs.funded, leaves),
        leaves=tuple(leaves),
        allocations=tuple(sorted(allocations, key=attrgetter("subscriber", "asset"))),
        quarantine=tuple(sorted((*accepted.quarantined, *unpayable), key=_chain_order)),
    )


def _chain_order(item: Quarantined) -> tuple[int, int, int, bytes]:
    return item.block_number, item.log_index, item.position, item.asset or b""


def _leaves(
    inputs: EpochInputs, registry: Registry, shared: Mapping[Address, Allocation[bytes]]
) -> tuple[list[Leaf], list[Quarantined]]:
    """One leaf per (work, part, asset) with money, ascending; and the lines nobody can be paid."""
    leaves: list[Leaf] = []
    unpayable: list[Quarantined] = []
    for asset, result in shared.items():
        never_paid = frozenset({ZERO_ADDRESS, asset, inputs.payouts})
        for work, amount in result.per_work.items():
            terms = registry.works[Hash32(work)]
            lines = split_lines(BaseUnits(amount), payees=terms.payees, shares_ppm=terms.shares_ppm)
            unpayable += (
                _unpayable(line, terms, asset) for line in lines if line.payee in never_paid
            )
            payable = [line for line in lines if line.payee not in never_paid]
            leaves += (
                Leaf(epoch=inputs.epoch, work_id=terms.work_id, part=part, asset=asset, lines=cut)
                for part, cut in enumerate(parts(payable))
            )
    return sorted(leaves, key=attrgetter("work_id", "part", "asset")), unpayable


def _unpayable(line: SplitLine, terms: WorkTerms, asset: Address) -> Quarantined:
    return Quarantined(
        block_number=terms.block_number,
        log_index=terms.log_index,
        position=terms.payees.index(line.payee),
        reason=Reason.UNPAYABLE_PAYEE,
        submitter=terms.registrant,
        work_id=terms.work_id,
        asset=asset,
        amount=line.amount,
    )


def _totals(funded: Mapping[Address, BaseUnits], leaves: Sequence[Leaf]) -> tuple[AssetTotals, ...]:
    allocated = dict.fromkeys(funded, 0)
    for leaf in leaves:
        allocated[leaf.asset] += leaf.amount
    for asset, paid_in in funded.items():
        if allocated[asset] > paid_in:
            raise ConservationBroken(asset, divided=allocated[asset], available=paid_in)
    return tuple(
        AssetTotals(
            asset=asset,
            paid_in=paid_in,
            carried_in=BaseUnits(0),
            allocated=BaseUnits(allocated[asset]),
            escrow=BaseUnits(0),
            unallocated=BaseUnits(paid_in - allocated[asset]),
            fees=BaseUnits(0),
        )
        for asset, paid_in in sorted(funded.items())
    )


def _allocations(
    asset: Address,
    fees: Mapping[Address, BaseUnits],
    accepted: AcceptedUsage,
    weights: Weights,
    result: Allocation[bytes],
) -> Iterator[SubscriberAllocation]:
    credits_of: dict[Address, list[Credit]] = {subscriber: [] for subscriber in fees}
    usage = accepted.usage
    for index, row in enumerate(accepted.rows):
        if row.submitter in credits_of:
            credits_of[row.submitter].append(
                Credit(
                    row=row,
                    price_ppm=usage.price_ppm[index],
                    region_ppm=usage.region_ppm[index],
                    discount_ppm=weights.discount_ppm[index],
                    credibility_ppm=usage.credibility_ppm[index],
                    raw=weights.raw[index],
                    counted=weights.counted[index],
                    credited=BaseUnits(result.credited[index]),
                )
            )
    for subscriber, fee in fees.items():
        yield SubscriberAllocation(
            subscriber=subscriber,
            asset=asset,
            fee=fee,
            unallocated=BaseUnits(result.unallocated_of[subscriber]),
            credits=tuple(credits_of[subscriber]),
        )
