"""Our leaves in bulk, laid out as abi.encode does without an encoder at work on each.

Their double hashes are those of `leaves.leaf_hash`, which is the definition.
"""

from collections.abc import Iterable, Sequence
from io import BytesIO

import sha3

from contracts.evm import Address, ChainId
from contracts.leaves import Leaf, SplitLine
from contracts.packed_leaves import WORD_BYTES, PackedLeaves

_ADDRESS_PADDING = bytes(12)
_EPOCH_PADDING = bytes(24)  # uint64
_PART_PADDING = bytes(28)  # uint32
_ROW_WORDS = 6  # epoch, work id, part, asset, amount, split hash
_PAYEES_OFFSET = (2 * WORD_BYTES).to_bytes(WORD_BYTES, "big")


def pack_leaves(leaves: Iterable[Leaf], *, chain_id: ChainId, contract: Address) -> PackedLeaves:
    """Lay out leaves of this chain and contract, in their order.

    Raises:
        OverflowError: a number is out of its type's range.
    """
    rows = BytesIO()  # grows in place: a list of a million rows would take their memory twice
    for leaf in leaves:
        rows.write(_row(leaf))
    return PackedLeaves(
        prefix=chain_id.to_bytes(WORD_BYTES, "big") + _ADDRESS_PADDING + contract,
        rows=rows.getvalue(),
        width=_ROW_WORDS * WORD_BYTES,
    )


def _row(leaf: Leaf) -> bytes:
    lines = leaf.lines
    amount = sum([line.amount for line in lines])
    return b"".join(
        (
            _EPOCH_PADDING,
            leaf.epoch.to_bytes(8, "big"),
            leaf.work_id,
            _PART_PADDING,
            leaf.part.to_bytes(4, "big"),
            _ADDRESS_PADDING,
            leaf.asset,
            amount.to_bytes(WORD_BYTES, "big"),
            sha3.keccak_256(_split_words(lines)).digest(),
        )
    )


def _split_words(lines: Sequence[SplitLine]) -> bytes:
    """abi.encode(address[] payees, uint256[] amounts)."""
    count = len(lines).to_bytes(WORD_BYTES, "big")
    amounts_offset = (WORD_BYTES * (3 + len(lines))).to_bytes(WORD_BYTES, "big")
    payees = [_ADDRESS_PADDING + line.payee for line in lines]
    amounts = [line.amount.to_bytes(WORD_BYTES, "big") for line in lines]
    return b"".join([_PAYEES_OFFSET, amounts_offset, count, *payees, count, *amounts])
