"""What a person signs who approves a large payout: a sentence that says what is paid.

Two different approvers must sign it, each with a key of their own, so neither one person nor
whoever can write to the database can release a large payout alone. The sentence names operation and
amount: where the leaf was paid in part meanwhile, what is left is approved anew.

Source: EIP-191 (version 0x45, personal message), which wallets show before they sign.
"""

from dataclasses import dataclass

from contracts.evm import Address, ChainId, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutToApprove:
    """One payout, with everything that an approval depends on."""

    chain_id: ChainId
    contract: Address
    op_id: Hash32
    asset: Address
    amount: int

    @property
    def sentence(self) -> str:
        """What is signed."""
        return (
            f"Quittance: I approve payout {self.op_id} of {self.amount} base units of "
            f"asset {self.asset} by contract {self.contract} on chain {self.chain_id}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutApproval:
    """A signature over the sentence of one payout, and whose it is said to be."""

    payout: PayoutToApprove
    approver: Address
    signature: bytes
