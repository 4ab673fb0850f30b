"""What transactions of a payout wallet cost, what it had before them, and who knows it.

A wallet's book begins with its coins at one block. From then on every transaction of the wallet
is booked once its block is final, whatever it did: also one that reverted, that only spent its
nonce, or that nobody here remembers. What it cost is gas; coins that it sent are unexplained, since
no payout sends any. So two databases that know one chain come to the same book.

Coins that come make no transaction of the wallet and no log: they are booked by hand.
"""

from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOpened:
    """The coins of `wallet` at the end of `block`; all that it spent since is in its book."""

    wallet: Address
    block: BlockRef
    balance_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GasSpent:
    """One final transaction of `sender`.

    `l1_fee_wei` is what a rollup takes for its data, `other_fee_wei` what is charged beside it:
    the operator fee of a rollup, or blobs. `value_wei` are the coins that it sent: none if it
    reverted.
    """

    tx_hash: Hash32
    sender: Address
    block_number: BlockNumber
    block_hash: Hash32
    timestamp: Timestamp
    gas_used: int
    effective_gas_price_wei: int
    l1_fee_wei: int
    other_fee_wei: int
    value_wei: int

    @property
    def cost_wei(self) -> int:
        """All that the transaction cost besides what it sent."""
        gas_wei = self.gas_used * self.effective_gas_price_wei
        return gas_wei + self.l1_fee_wei + self.other_fee_wei


class GasFacts(Protocol):
    """The transactions of one payout wallet."""

    def finalized(self) -> BlockRef | None:
        """The finalized block up to which every transaction of the wallet was observed."""
        ...

    def opened(self) -> WalletOpened | None:
        """How the wallet's book begins; None while nothing was observed."""
        ...

    def spent(self, after: BlockNumber, upto: BlockRef) -> list[GasSpent]:
        """Transactions of blocks (after, upto], in chain order."""
        ...
