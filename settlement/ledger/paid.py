"""What the books say was paid: one record for each line that left a payable account.

It counts as paid also where the payee refused it and it became unclaimed: from then on the payee
alone decides when to take it.
"""

from dataclasses import dataclass

from contracts.evm import Address, Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """One line of a leaf that was settled at `paid_at`, by whoever withdrew it."""

    payee: Address
    asset: Address
    amount: int
    paid_at: Timestamp
