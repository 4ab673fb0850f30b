"""What transactions of a payout wallet cost, and who knows it.

Gas is booked once the transaction's block is final, whatever the transaction did: also one that
reverted, or that only spent its nonce.
"""

from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class GasSpent:
    """One final transaction of `sender`; `l1_fee_wei` is what a rollup takes for its data."""

    tx_hash: Hash32
    sender: Address
    block_number: BlockNumber
    block_hash: Hash32
    timestamp: Timestamp
    gas_used: int
    effective_gas_price_wei: int
    l1_fee_wei: int

    @property
    def cost_wei(self) -> int:
        """All that the transaction cost besides what it sent."""
        return self.gas_used * self.effective_gas_price_wei + self.l1_fee_wei


class GasFacts(Protocol):
    """The transactions of one payout wallet."""

    def finalized(self) -> BlockRef | None:
        """The finalized block up to which every transaction of the wallet was observed."""
        ...

    def spent(self, after: BlockNumber, upto: BlockRef) -> list[GasSpent]:
        """Transactions of blocks (after, upto], in chain order."""
        ...
