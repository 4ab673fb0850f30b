"""Our leaves in bulk, against the definition of one."""

from dataclasses import replace

import pytest

from contracts.evm import Address, ChainId, Epoch, Hash32, keccak
from contracts.leaf_packing import pack_leaves
from contracts.leaves import Leaf, SplitLine, leaf_hash
from contracts.packed_leaves import double_hashes
from contracts.units import UINT256_MAX, BaseUnits

CHAIN_ID, CONTRACT = ChainId(8453), Address(b"\xc0" * 20)
ASSET = Address(b"\x0a" * 20)


def leaf(number: int, *, lines: int) -> Leaf:
    return Leaf(
        epoch=Epoch(number),
        work_id=keccak(number.to_bytes(4, "big")),
        part=number,
        asset=ASSET,
        lines=tuple(
            SplitLine(payee=Address(bytes([line + 1] * 20)), amount=BaseUnits(10**30 + line))
            for line in range(lines)
        ),
    )


LARGEST = Leaf(
    epoch=Epoch(2**64 - 1),
    work_id=Hash32(b"\xff" * 32),
    part=2**32 - 1,
    asset=Address(b"\xff" * 20),
    lines=(SplitLine(payee=Address(b"\xff" * 20), amount=BaseUnits(UINT256_MAX)),),
)


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 31, 32])
def test_pack_leaves__any_split__hashes_of_the_definition(lines: int) -> None:
    leaves = [leaf(number, lines=lines) for number in range(4)]

    packed = pack_leaves(leaves, chain_id=CHAIN_ID, contract=CONTRACT)

    assert double_hashes(packed) == [
        leaf_hash(one, chain_id=CHAIN_ID, contract=CONTRACT) for one in leaves
    ]


def test_pack_leaves__largest_members__hash_of_the_definition() -> None:
    where = {"chain_id": ChainId(UINT256_MAX), "contract": Address(b"\xff" * 20)}

    packed = pack_leaves([LARGEST], **where)  # type: ignore[arg-type]

    assert double_hashes(packed) == [leaf_hash(LARGEST, **where)]  # type: ignore[arg-type]


def test_pack_leaves__none__nothing_to_hash() -> None:
    packed = pack_leaves([], chain_id=CHAIN_ID, contract=CONTRACT)

    assert (len(packed), double_hashes(packed)) == (0, [])


@pytest.mark.parametrize(
    "wrong",
    [
        replace(LARGEST, epoch=Epoch(2**64)),
        replace(LARGEST, epoch=Epoch(-1)),
        replace(LARGEST, part=2**32),
        replace(LARGEST, lines=LARGEST.lines * 2),
    ],
)
def test_pack_leaves__number_out_of_range__refused(wrong: Leaf) -> None:
    """The sum of two largest lines has 257 bits."""
    with pytest.raises(OverflowError):
        pack_leaves([wrong], chain_id=CHAIN_ID, contract=CONTRACT)
