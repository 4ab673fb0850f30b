"""Blocks on their way from a node to the database: one by one as they are asked for, then columns.

A block carries how it is known that our logs of it are complete (`Proof`), and a digest of those
logs, so that two databases can be compared block by block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from contracts.evm import BlockNumber, BlockRef, Hash32, Timestamp
from indexer.chain import Header, header_rlp
from indexer.logs import ByteRows, Integers


class Proof(IntEnum):
    """Why we believe that our logs of a block are all that it has of ours."""

    STATED = 0
    """A node said so."""
    EMPTY = 1
    """The block's bloom rules our logs out."""
    RECEIPTS = 2
    """The header's receipts root was rebuilt from all receipts of the block."""
    CORROBORATED = 3
    """Two or more endpoints gave the same logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A header, and the hashes of the transactions that the block is said to list, in order.

    `transactions` has shape (t, 32); None where the node does not list any. No header commits to
    the hashes as such: they are the node's word until the transactions root is rebuilt.
    """

    header: Header
    transactions: ByteRows | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockBatch:
    """Blocks that follow each other, from `start` up, as columns of one length.

    Shapes, for n blocks: hashes and digests (n, 32), `timestamp` and `proof` (n,). `header` is the
    RLP that a block's hash is the hash of; `rows_digest` is that of `rows_digest.py`.
    """

    start: BlockNumber
    hash: ByteRows
    parent_hash: ByteRows
    timestamp: Integers
    header: tuple[bytes, ...]
    proof: NDArray[np.uint8]
    rows_digest: ByteRows

    def __len__(self) -> int:
        return len(self.header)

    @property
    def end(self) -> BlockNumber:
        """The number after the last one."""
        return BlockNumber(self.start + len(self))

    @property
    def last(self) -> BlockRef:
        """The highest block."""
        return self.ref(len(self) - 1)

    def ref(self, row: int) -> BlockRef:
        """The block at this place, counted from 0."""
        return BlockRef(
            number=BlockNumber(self.start + row),
            hash=Hash32(self.hash[row].tobytes()),
            parent_hash=Hash32(self.parent_hash[row].tobytes()),
            timestamp=Timestamp(int(self.timestamp[row])),
        )

    def refs(self) -> list[BlockRef]:
        """All blocks, ascending."""
        return [self.ref(row) for row in range(len(self))]


def block_batch(
    headers: Sequence[Header], *, proof: NDArray[np.uint8], rows_digest: ByteRows
) -> BlockBatch:
    """Columns of one or more blocks that follow each other, and what is known of their logs."""
    return BlockBatch(
        start=headers[0].number,
        hash=hash_rows([header.hash for header in headers]),
        parent_hash=hash_rows([header.parent_hash for header in headers]),
        timestamp=np.array([header.timestamp for header in headers], dtype=np.int64),
        header=tuple(header_rlp(header) for header in headers),
        proof=proof,
        rows_digest=rows_digest,
    )


def hash_rows(hashes: Sequence[Hash32]) -> ByteRows:
    """Hashes as rows, of shape (n, 32)."""
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), 32)
