"""The leaf of an epoch's Merkle tree, and the split that it commits to.

Mirrors `src/settlement/LeafLib.sol`. The leaf is hashed twice, so that no inner node of a tree can
be shown as a leaf (OpenZeppelin's standard tree), and it binds chain, contract and epoch, so that
no proof is good anywhere else.

The top byte of the id that a leaf names tells what the leaf is for; work ids are below 2²⁴⁸. All of
them are below the order of the BN254 scalar field.

| top byte | leaf of | lines |
|---|---|---|
| 0 | a work | its payees |
| 1 | the fees of the epoch | their payees |
| 2 | a content that no registrant has claimed | one, the payouts contract: escrow |
| 3 | a work's suspense: what its split could not pay | one, the payouts contract: escrow |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

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


class LeafKind(IntEnum):
    """What a leaf is for; the value is the top byte of the id that it names."""

    WORK = 0
    FEES = 1
    ESCROW = 2
    SUSPENSE = 3

    @property
    def is_escrow(self) -> bool:
        """Whether the contract is the payee: `releaseEscrow` opens the leaf, not `withdraw`."""
        return self in (LeafKind.ESCROW, LeafKind.SUSPENSE)


_TAG_BITS = 248

FEES_ID = Hash32.from_int(LeafKind.FEES << _TAG_BITS)
"""The id of the fee leaf of an (epoch, asset)."""


def escrow_id(content_id: Hash32) -> Hash32:
    """The id of the leaf that holds the money of all recognised works of one content."""
    return _tagged(LeafKind.ESCROW, int.from_bytes(keccak(content_id), "big") >> 8)


def suspense_id(work_id: Hash32) -> Hash32:
    """The id of the leaf that holds what a work's split could not pay.

    Raises:
        ValueError: no work has such an id.
    """
    if leaf_kind(work_id) is not LeafKind.WORK:
        raise ValueError(f"{work_id} is no id of a work")
    return _tagged(LeafKind.SUSPENSE, int.from_bytes(work_id, "big"))


def leaf_kind(leaf_id: Hash32) -> LeafKind:
    """What a leaf with this id is for.

    Raises:
        ValueError: no leaf has such an id.
    """
    return LeafKind(leaf_id[0])


def _tagged(kind: LeafKind, below: int) -> Hash32:
    return Hash32.from_int(kind << _TAG_BITS | below)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLine:
    """One payee's part of a leaf; never zero."""

    payee: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What one work earned in one epoch and asset, resolved to payees; or fees, escrow, suspense.

    `work_id` is the id of the work, or a tagged one. `lines` are ascending by payee, unique, at
    most `SPLIT_LINES_MAX`, and sum to `amount`. A work with more payees has several leaves, told
    apart by `part`.
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

    @property
    def kind(self) -> LeafKind:
        """What this leaf is for."""
        return leaf_kind(self.work_id)


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
