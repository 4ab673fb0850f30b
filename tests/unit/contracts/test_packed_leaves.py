"""Hashes of packed leaves, against the encoder."""

import pytest
import sha3
from eth_abi.abi import encode

from contracts.packed_leaves import PackedLeaves, double_hashes

TYPES = ("address", "uint256")


def twice(data: bytes) -> bytes:
    return bytes(sha3.keccak_256(sha3.keccak_256(data).digest()).digest())


@pytest.mark.parametrize("common_words", [0, 1])
def test_double_hashes__common_beginning__as_encoded_and_hashed_twice(common_words: int) -> None:
    encoded = [encode(TYPES, (bytes([7] * 20), number)) for number in range(5)]
    start = 32 * common_words

    packed = PackedLeaves(
        prefix=encoded[0][:start], rows=b"".join(one[start:] for one in encoded), width=64 - start
    )

    assert len(packed) == 5
    assert double_hashes(packed) == [twice(one) for one in encoded]


def test_part__half_open_range__those_leaves() -> None:
    packed = PackedLeaves(prefix=b"p", rows=b"aabbccdd", width=2)

    assert len(packed) == 4
    assert packed.part(1, 3) == PackedLeaves(prefix=b"p", rows=b"bbcc", width=2)
    assert len(packed.part(4, 4)) == 0
    assert double_hashes(packed.part(1, 3)) == double_hashes(packed)[1:3]
    assert double_hashes(packed)[0] == twice(b"paa")
