"""Storage positions: the key and slot of a leaf's settlement, and what its word says.

The position itself is pinned by the forge test `StoragePositions`.
"""

import pytest

from contracts.evm import Address, Epoch, Hash32, keccak
from contracts.storage import LeafSettlement, leaf_key, settlement_slot

WORK, ASSET = Hash32.from_int(7), Address(b"\xa5" * 20)


def test_leaf_key__words__as_solidity_encodes_them() -> None:
    words = (3).to_bytes(32, "big") + bytes(WORK) + (2).to_bytes(32, "big") + bytes(12) + ASSET

    assert leaf_key(Epoch(3), WORK, 2, ASSET) == keccak(words)


def test_settlement_slot__key_and_position__hashed() -> None:
    key = leaf_key(Epoch(3), WORK, 2, ASSET)

    assert settlement_slot(Epoch(3), WORK, 2, ASSET) == keccak(bytes(key) + (5).to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("word", "prefix", "lines"),
    [
        (0, bytes(28), 0),
        (int.from_bytes(b"\x11" * 28 + b"\x00\x00\x00\x05", "big"), b"\x11" * 28, 5),
        (2**256 - 1, b"\xff" * 28, 2**32 - 1),
    ],
)
def test_leaf_settlement__word__prefix_and_lines(word: int, prefix: bytes, lines: int) -> None:
    assert LeafSettlement.from_word(word) == LeafSettlement(prefix, lines)
