"""The fees of an epoch in one asset: what each subscriber pays, what is left, and the fee leaf.

A payee of fees is paid or not, as it is named: a split account is not followed. What cannot be paid
is unallocated, and listed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from contracts.evm import ZERO_ADDRESS, Address
from contracts.leaves import FEES_ID, Leaf
from contracts.units import BaseUnits
from settlement.royalties.fees import FeeShare, charge_all, fee_lines, fee_shares
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import Parameters
from settlement.royalties.reasons import Quarantined, Reason
from settlement.royalties.registry import Registry
from settlement.royalties.resolution import never_paid_in


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedFees:
    """One asset's fees, by subscriber and in sum.

    `of_subscriber` is in the order of the parameters; `shareable` is the rest of each subscriber's
    fee; `leaves` is the fee leaf, if it has a line.
    """

    of_subscriber: Mapping[Address, tuple[BaseUnits, ...]]
    shareable: Mapping[bytes, int]
    leaves: tuple[Leaf, ...]
    unpaid: tuple[Quarantined, ...]


def charge_fees(
    asset: Address,
    fees: Mapping[Address, BaseUnits],
    parameters: Parameters,
    *,
    registry: Registry,
    scope: EpochScope,
) -> ChargedFees:
    """Charge the fees of the parameters on what was paid in one asset."""
    charged = charge_all(fees, parameters.fees)
    leaves, unpaid = fee_leaves(asset, charged.values(), parameters, registry=registry, scope=scope)
    return ChargedFees(
        of_subscriber=charged,
        shareable={subscriber: fee - sum(charged[subscriber]) for subscriber, fee in fees.items()},
        leaves=leaves,
        unpaid=unpaid,
    )


def fee_leaves(
    asset: Address,
    charged: Collection[Sequence[BaseUnits]],
    parameters: Parameters,
    *,
    registry: Registry,
    scope: EpochScope,
) -> tuple[tuple[Leaf, ...], tuple[Quarantined, ...]]:
    """The fee leaf, if it has a line, and what has a payee who cannot be paid.

    `charged` may be of single subscribers or sums over many, in the order of the parameters.
    """
    shares = list(fee_shares(charged, parameters.fees))
    never_paid = never_paid_in(asset, scope) | registry.accounts.keys()
    lines = fee_lines([share for share in shares if share.payee not in never_paid])
    leaf = Leaf(epoch=scope.epoch, work_id=FEES_ID, part=0, asset=asset, lines=lines)
    unpaid = tuple(
        _quarantined(share, asset, scope)
        for share in shares
        if share.payee in never_paid and share.amount > 0
    )
    return (leaf,) if lines else (), unpaid


def _quarantined(share: FeeShare, asset: Address, scope: EpochScope) -> Quarantined:
    return Quarantined(
        block_number=scope.parameters_block,
        log_index=scope.parameters_log,
        position=share.position,
        reason=Reason.UNPAYABLE_PAYEE,
        submitter=ZERO_ADDRESS,
        work_id=FEES_ID,
        asset=asset,
        amount=share.amount,
    )
