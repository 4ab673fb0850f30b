"""The settlement of one epoch, as a pure function.

    distribution = settle(inputs, parameters, registry)

Same inputs, same distribution, on any machine. Each asset is shared by itself, with the same rows.
The ruleset is the formula in the middle; fees come off before it, the half-life changes the weights
that it shares by, and what it credits to works is resolved to payees after it. Switched off, each
of them changes nothing. All money of the epoch is in the result, per asset:

    leaves of works + fees + escrow and suspense + unallocated = paid in
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from contracts.approvals import AssetTotals
from contracts.evm import Address, Hash32
from contracts.leaves import Leaf, LeafKind
from contracts.units import PPM_ONE, BaseUnits
from settlement.errors import ConservationBroken, FundedBelowFees
from settlement.royalties.charging import charge_fees
from settlement.royalties.half_life import age_steps, decayed, factor_ppm
from settlement.royalties.inputs import EpochInputs
from settlement.royalties.parameters import Parameters
from settlement.royalties.quarantine import AcceptedUsage, accept_usage
from settlement.royalties.reasons import Quarantined, listing_order
from settlement.royalties.registry import Registry
from settlement.royalties.resolution import resolve
from settlement.royalties.rulesets import ruleset_named
from settlement.royalties.submissions import UsageRow
from settlement.royalties.usercentric_v1 import Allocation, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """What one usage row earned in one asset, and every factor of it.

    `raw` and `counted` are after the half-life; `factor_ppm` is one where there is none.
    """

    row: UsageRow
    price_ppm: int
    region_ppm: int
    discount_ppm: int
    factor_ppm: int
    credibility_ppm: int
    raw: int
    counted: int
    credited: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberAllocation:
    """One subscriber's fee in one asset, shared over its rows, which are in chain order.

    `charged` is in the order of the fees in the parameters. Invariant: Σ credited + Σ charged +
    unallocated = fee.
    """

    subscriber: Address
    asset: Address
    fee: BaseUnits
    charged: tuple[BaseUnits, ...]
    unallocated: BaseUnits
    credits: tuple[Credit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Where all the money of one epoch goes.

    `totals` ascending by asset; `leaves` by (work, part, asset), so that fees, escrow and suspense
    follow the works; `allocations` by (subscriber, asset); `quarantine` in its listing order.
    """

    totals: tuple[AssetTotals, ...]
    leaves: tuple[Leaf, ...]
    allocations: tuple[SubscriberAllocation, ...]
    quarantine: tuple[Quarantined, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWeights:
    """The weights that rows are shared by, and the factor that each row's work has by its age."""

    weights: Weights
    factors_ppm: Sequence[int]


def settle(inputs: EpochInputs, parameters: Parameters, registry: Registry) -> Distribution:
    """Settle one epoch.

    Raises:
        UnknownName: the parameters name no published ruleset.
        FundedBelowFees: subscribers paid more than the payouts contract received.
        ConservationBroken: more was divided than there is.
    """
    check_funded({asset: sum(fees.values()) for asset, fees in inputs.fees.items()}, inputs.funded)
    ruleset = ruleset_named(parameters.ruleset)
    accepted = accept_usage(inputs, parameters, registry)
    weighed = weigh_rows(accepted, inputs, parameters, registry)
    leaves: list[Leaf] = []
    quarantine = list(accepted.quarantined)
    allocations: list[SubscriberAllocation] = []
    for asset, fees in inputs.fees.items():
        charged = charge_fees(asset, fees, parameters, registry=registry, scope=inputs.scope)
        shared = ruleset.allocate(charged.shareable, accepted.usage, weighed.weights)
        earned = {Hash32(work): BaseUnits(units) for work, units in shared.per_work.items()}
        resolved = resolve(asset, earned, registry=registry, scope=inputs.scope)
        leaves += (*resolved.leaves, *charged.leaves)
        quarantine += (*resolved.unpaid, *charged.unpaid)
        credits_of = _credits_of(fees, accepted, weighed, shared)
        allocations += (
            SubscriberAllocation(
                subscriber=subscriber,
                asset=asset,
                fee=fee,
                charged=charged.of_subscriber[subscriber],
                unallocated=BaseUnits(shared.unallocated_of[subscriber]),
                credits=tuple(credits_of[subscriber]),
            )
            for subscriber, fee in fees.items()
        )
    return Distribution(
        totals=epoch_totals(inputs.funded, leaves),
        leaves=tuple(sorted(leaves, key=attrgetter("work_id", "part", "asset"))),
        allocations=tuple(sorted(allocations, key=attrgetter("subscriber", "asset"))),
        quarantine=tuple(sorted(quarantine, key=listing_order)),
    )


def weigh_rows(
    accepted: AcceptedUsage, inputs: EpochInputs, parameters: Parameters, registry: Registry
) -> RowWeights:
    """The weights of all rows, by the ruleset, and then by the age of their works."""
    weights = ruleset_named(parameters.ruleset).weigh(
        accepted.usage, k_ppm=parameters.k_ppm, plays_max=parameters.plays_max
    )
    if not parameters.has_half_life:
        return RowWeights(weights=weights, factors_ppm=[PPM_ONE] * len(accepted.rows))
    scope = inputs.scope
    factors = [
        factor_ppm(
            age_steps(
                registry.works[row.work_id].registered_at,
                scope.reference_at,
                epoch_length_seconds=scope.epoch_length_seconds,
            )
        )
        for row in accepted.rows
    ]
    raw, counted = decayed(weights.raw, factors, accepted.usage.credibility_ppm)
    return RowWeights(weights=Weights(raw, counted, weights.discount_ppm), factors_ppm=factors)


def check_funded(paid: Mapping[Address, int], funded: Mapping[Address, BaseUnits]) -> None:
    """Refuse subscriptions whose money did not come in.

    Raises:
        FundedBelowFees: subscribers paid more than the payouts contract received.
    """
    for asset, units in paid.items():
        if units > funded.get(asset, 0):
            raise FundedBelowFees(asset, fees=units, funded=funded.get(asset, 0))


def epoch_totals(
    funded: Mapping[Address, BaseUnits], leaves: Sequence[Leaf]
) -> tuple[AssetTotals, ...]:
    """Where all the money of an epoch goes, ascending by asset.

    Raises:
        ConservationBroken: more was divided than there is.
    """
    sums = {(asset, kind): 0 for asset in funded for kind in LeafKind}
    for leaf in leaves:
        sums[leaf.asset, leaf.kind] += leaf.amount
    return tuple(
        _asset_totals(asset, paid_in, {kind: sums[asset, kind] for kind in LeafKind})
        for asset, paid_in in sorted(funded.items())
    )


def _asset_totals(asset: Address, paid_in: BaseUnits, sums: Mapping[LeafKind, int]) -> AssetTotals:
    divided = sum(sums.values())
    if divided > paid_in:
        raise ConservationBroken(asset, divided=divided, available=paid_in)
    return AssetTotals(
        asset=asset,
        paid_in=paid_in,
        carried_in=BaseUnits(0),
        allocated=BaseUnits(sums[LeafKind.WORK]),
        escrow=BaseUnits(sum(sums[kind] for kind in LeafKind if kind.is_escrow)),
        unallocated=BaseUnits(paid_in - divided),
        fees=BaseUnits(sums[LeafKind.FEES]),
    )


def _credits_of(
    subscribers: Iterable[Address],
    accepted: AcceptedUsage,
    weighed: RowWeights,
    shared: Allocation[bytes],
) -> dict[Address, list[Credit]]:
    """The rows of every subscriber, in chain order."""
    credits_of: dict[Address, list[Credit]] = {subscriber: [] for subscriber in subscribers}
    usage, weights = accepted.usage, weighed.weights
    for index, row in enumerate(accepted.rows):
        if row.submitter in credits_of:
            credits_of[row.submitter].append(
                Credit(
                    row=row,
                    price_ppm=usage.price_ppm[index],
                    region_ppm=usage.region_ppm[index],
                    discount_ppm=weights.discount_ppm[index],
                    factor_ppm=weighed.factors_ppm[index],
                    credibility_ppm=usage.credibility_ppm[index],
                    raw=weights.raw[index],
                    counted=weights.counted[index],
                    credited=BaseUnits(shared.credited[index]),
                )
            )
    return credits_of
