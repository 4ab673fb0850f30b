"""Columns of blocks, and the blocks again."""

import numpy as np

from contracts.evm import keccak
from indexer.blocks import Proof, block_batch, hash_rows
from tests.fakes_chain import FakeChain


def test_block_batch__headers__the_same_blocks_again() -> None:
    chain = FakeChain()
    chain.mine((), (), (), ())
    headers = [block.header for block in chain.canonical[2:]]
    digests = hash_rows([keccak(bytes((place,))) for place in range(3)])

    batch = block_batch(headers, proof=np.array([0, 1, 2], np.uint8), rows_digest=digests)

    assert (len(batch), batch.start, batch.end) == (3, 2, 5)
    assert batch.refs() == [header.ref for header in headers]
    assert batch.last == headers[-1].ref
    assert [keccak(one) for one in batch.header] == [header.hash for header in headers]
    assert [Proof(one) for one in batch.proof] == [Proof.STATED, Proof.EMPTY, Proof.RECEIPTS]
    assert batch.rows_digest.tobytes() == digests.tobytes()


def test_hash_rows__none__no_rows() -> None:
    assert hash_rows([]).shape == (0, 32)
