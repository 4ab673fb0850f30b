"""What was paid for and used in one epoch, taken from columns of events.

Nothing is judged here: rows are judged against registry and parameters in `quarantine.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.batches import ConsumptionColumns, FundedColumns, SubscribedColumns
from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex, Timestamp
from contracts.units import BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochScope:
    """Where and when an epoch is, as far as rules ask.

    `last_before_start` is the highest block before the epoch, from the start block on, None if
    there is none; `reference_at` is the timestamp of the reference block. The log of the
    `ParametersSet` in force is `parameters_log` of `parameters_block`. `split_accounts` is the
    contract itself.
    """

    epoch: Epoch
    epoch_length_seconds: int
    last_before_start: BlockNumber | None
    reference_at: Timestamp
    parameters_block: BlockNumber
    parameters_log: LogIndex
    payouts: Address
    split_accounts: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochInputs:
    """Money and usage of one epoch, before any rule.

    `fees` is by asset, then subscriber; `funded` by asset is all the money that the payouts
    contract received for the epoch; `paid_tiers` says who may report usage of which tier.
    """

    scope: EpochScope
    funded: Mapping[Address, BaseUnits]
    fees: Mapping[Address, Mapping[Address, BaseUnits]]
    paid_tiers: frozenset[tuple[Address, Hash32]]
    consumption: ConsumptionColumns


def epoch_inputs(
    scope: EpochScope,
    *,
    funded: FundedColumns,
    subscribed: SubscribedColumns,
    consumption: ConsumptionColumns,
) -> EpochInputs:
    """Sum payments by subscriber and asset; all columns are of this epoch and in chain order."""
    money: dict[Address, BaseUnits] = {}
    for asset, amount in zip(funded.asset, funded.amount, strict=True):
        money[asset] = BaseUnits(money.get(asset, 0) + amount)
    fees: dict[Address, dict[Address, BaseUnits]] = {}
    for asset, subscriber, amount in zip(
        subscribed.asset, subscribed.subscriber, subscribed.amount, strict=True
    ):
        of_asset = fees.setdefault(asset, {})
        of_asset[subscriber] = BaseUnits(of_asset.get(subscriber, 0) + amount)
    return EpochInputs(
        scope=scope,
        funded=dict(sorted(money.items())),
        fees=dict(sorted(fees.items())),
        paid_tiers=frozenset(zip(subscribed.subscriber, subscribed.tier_id, strict=True)),
        consumption=consumption,
    )
