"""The leaf of an epoch's Merkle tree, and the split that it commits to.

Mirrors `src/settlement/LeafLib.sol`. The leaf is hashed twice, so that no inner node of a tree can
be shown as a leaf (OpenZeppelin's standard tree), and it binds chain, contract and epoch, so that
no proof is good anywhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.evm import Address, ChainId, Epoch, Hash32, keccak
from contracts.units import BaseUnits

SPLIT_LINES_MAX = 32
"""Lines of one leaf: its paid flags are one uint32 bitmap."""

LEAF_TYPES = (
    "uint256",
    "address",
    "uint64",
    "bytes32",
    "uint32",
    "address",
    "uint256",
    "bytes32",
)
"""Chain id, contract, epoch, work id, part, asset, amount, split hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLine:
    """One payee's part of a leaf; never zero."""

    payee: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What one work earned in one epoch and asset, resolved to payees.

    `lines` are ascending by payee, unique, at most `SPLIT_LINES_MAX`, and sum to `amount`. A work
    with more payees has several leaves, told apart by `part`.
    """

    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address
    lines: tuple[SplitLine, ...]

    @property
    def amount(self) -> BaseUnits:
        """The sum of the lines."""
        return BaseUnits(sum(line.amount for line in self.lines))


def split_hash(lines: Sequence[SplitLine]) -> Hash32:
    """keccak256(abi.encode(address[] payees, uint256[] amounts))."""
    payees = [bytes(line.payee) for line in lines]
    amounts = [line.amount for line in lines]
    return keccak(encode(("address[]", "uint256[]"), (payees, amounts)))


def leaf_hash(leaf: Leaf, *, chain_id: ChainId, contract: Address) -> Hash32:
    """The double hash that the tree holds for this leaf on this chain and contract."""
    words = (
        chain_id,
        bytes(contract),
        leaf.epoch,
        bytes(leaf.work_id),
        leaf.part,
        bytes(leaf.asset),
        leaf.amount,
        bytes(split_hash(leaf.lines)),
    )
    return keccak(keccak(encode(LEAF_TYPES, words)))
