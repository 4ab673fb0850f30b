"""What guardians sign: the content of one epoch's commitment.

Mirrors `EpochPayouts.Approval`, `AssetTotals` and their EIP-712 hashing.
"""

from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.evm import Address, ChainId, Epoch, Hash32, Timestamp, keccak
from contracts.typed_data import payouts_domain
from contracts.units import BaseUnits

_TOTALS_TEXT = (
    "AssetTotals(address asset,uint256 paidIn,uint256 carriedIn,uint256 allocated,"
    "uint256 escrow,uint256 unallocated,uint256 fees)"
)
_APPROVAL_TEXT = (
    "EpochApproval(uint64 epoch,uint32 attempt,uint32 guardianSet,bytes32 manifestDigest,"
    "bytes32 root,AssetTotals[] totals,uint64 deadline)"
)
_TOTALS_TYPE = keccak(_TOTALS_TEXT.encode())
_APPROVAL_TYPE = keccak((_APPROVAL_TEXT + _TOTALS_TEXT).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetTotals:
    """Where all the money of one epoch in one asset goes.

    Invariant, checked by the contract: allocated + escrow + unallocated + fees
    = paid_in + carried_in.
    """

    asset: Address
    paid_in: BaseUnits
    carried_in: BaseUnits
    allocated: BaseUnits
    escrow: BaseUnits
    unallocated: BaseUnits
    fees: BaseUnits

    def words(self) -> tuple[bytes, int, int, int, int, int, int]:
        """The members in ABI order."""
        return (
            bytes(self.asset),
            self.paid_in,
            self.carried_in,
            self.allocated,
            self.escrow,
            self.unallocated,
            self.fees,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One attempt at one epoch; `totals` ascending by asset, one per asset paid in."""

    epoch: Epoch
    attempt: int
    guardian_set: int
    manifest_digest: Hash32
    root: Hash32
    totals: tuple[AssetTotals, ...]
    deadline: Timestamp


def approval_digest(approval: Approval, *, chain_id: ChainId, contract: Address) -> Hash32:
    """The digest that a guardian signs."""
    totals = b"".join(
        keccak(
            encode(("bytes32", "address", *("uint256",) * 6), (bytes(_TOTALS_TYPE), *line.words()))
        )
        for line in approval.totals
    )
    struct_hash = keccak(
        encode(
            ("bytes32", "uint64", "uint32", "uint32", "bytes32", "bytes32", "bytes32", "uint64"),
            (
                bytes(_APPROVAL_TYPE),
                approval.epoch,
                approval.attempt,
                approval.guardian_set,
                bytes(approval.manifest_digest),
                bytes(approval.root),
                bytes(keccak(totals)),
                approval.deadline,
            ),
        )
    )
    return payouts_domain(chain_id, contract).digest(struct_hash)
