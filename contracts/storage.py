"""Where `EpochPayouts`, `PayoutBatch` and `TipRelay` keep what a proof of state can show.

A storage position is no part of an ABI: the forge tests `StoragePositions` and `LinePositions` pin
these against the contracts' own layouts.
"""

from dataclasses import dataclass
from typing import Self

from eth_abi.abi import encode

from contracts.evm import Address, Epoch, Hash32, keccak
from contracts.state_proof import mapping_slot

SETTLEMENTS_POSITION = 5
"""Of `_settlements` in `EpochPayouts`: mapping(bytes32 leafKey => bytes32 settlement)."""

SETTLED_LINES_POSITION = 3
"""Of `_settledLines` in `PayoutBatch` and `TipRelay`:
mapping(bytes32 listId => mapping(uint256 word => uint256 lines))."""

LINES_OF_WORD = 256
"""Line i of a list is bit i % 256 of word i / 256."""


@dataclass(frozen=True, slots=True)
class LeafSettlement:
    """One word of `_settlements`: which leaf was settled under a key, and which of its lines.

    Bit i of `lines` is line i. `leaf_prefix` are the first 28 bytes of the leaf's hash, so that no
    other leaf can be settled under the same key; all zero while nothing is settled.
    """

    leaf_prefix: bytes
    lines: int

    @classmethod
    def from_word(cls, word: int) -> Self:
        """Read the word as `EpochBooks` packs it."""
        data = word.to_bytes(32, "big")
        return cls(data[:28], int.from_bytes(data[28:], "big"))


def leaf_key(epoch: Epoch, work_id: Hash32, part: int, asset: Address) -> Hash32:
    """The key of a leaf's settlement: `LeafLib.key`."""
    words = (epoch, bytes(work_id), part, bytes(asset))
    return keccak(encode(("uint64", "bytes32", "uint32", "address"), words))


def settlement_slot(epoch: Epoch, work_id: Hash32, part: int, asset: Address) -> Hash32:
    """The slot of a leaf's settlement."""
    return mapping_slot(bytes(leaf_key(epoch, work_id, part, asset)), SETTLEMENTS_POSITION)


def line_place(index: int) -> tuple[int, int]:
    """The word of a list that says whether a line is settled, and the bit in it."""
    return index >> 8, index & (LINES_OF_WORD - 1)


def settled_lines_slot(list_id: Hash32, word: int) -> Hash32:
    """The slot of a word of a list's settled lines."""
    lines = mapping_slot(bytes(list_id), SETTLED_LINES_POSITION)
    return mapping_slot(word.to_bytes(32, "big"), int.from_bytes(lines, "big"))
