"""Bounds of the submitter in the simulation: small enough to be met."""

from settlement.payouts.gas import FeeCaps
from settlement.payouts.submit import SubmitLimits

LIMITS = SubmitLimits(
    caps=FeeCaps(max_fee_wei=10**11, tip_wei=10**9),
    gas_max=500_000,
    in_flight_max=4,
    open_operations_max=100,
    nonces_per_operation_max=1_000,
    retry_after_blocks=50,
    replace_after_blocks=4,
)
