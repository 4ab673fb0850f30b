"""Sums of transfers against a dict, also where accounts are made to share a hash."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contracts.event_spec import ContractName
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber
from contracts.units import UINT256_MAX
from indexer.decode import decode, filter_of
from indexer.factor import row_hashes, row_words
from indexer.movements import Movements, MovementSums
from indexer.ranges import BlockRange
from tests.fakes_chain import FakeChain, log_of

Transfer = tuple[Address, Address, Address, int]

TOKENS = (Address(b"\x7a" * 20), Address(b"\x7b" * 20))
_ACCOUNTS = tuple(Address(bytes([place]) * 20) for place in range(4))

transfers = st.tuples(
    st.sampled_from(TOKENS),
    st.sampled_from(_ACCOUNTS),
    st.sampled_from(_ACCOUNTS),
    st.integers(0, UINT256_MAX) | st.sampled_from([0, 1, UINT256_MAX]),
)


def sums_of(batches: Sequence[Sequence[Transfer]], *, above: int = 0) -> MovementSums:
    """Each batch of transfers is a block; the first one is the block above `above`."""
    sources = dict.fromkeys(TOKENS, ContractName.ERC20)
    chain = FakeChain()
    logs = [[log_of(ERC20_TRANSFER, one[0], one[1:]) for one in batch] for batch in batches]
    chain.mine(*([] for _ in range(above)), *logs)
    sums = MovementSums(BlockNumber(above))
    for number in range(above + 1, above + 1 + len(batches)):
        block = BlockRange(BlockNumber(number), BlockNumber(number + 1))
        sums.add(block, decode(chain.logs_in_range(block, filter_of(sources)), sources))
    return sums


def changes(moved: Movements) -> dict[tuple[Address, Address], int]:
    tokens, accounts = (
        [Address(row.tobytes()) for row in rows] for rows in (moved.token, moved.account)
    )
    keys = list(zip(tokens, accounts, strict=True))
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, moved.change, strict=True))


def expected(batches: Sequence[Sequence[Transfer]]) -> dict[tuple[Address, Address], int]:
    sums: Counter[tuple[Address, Address]] = Counter()
    for batch in batches:
        for token, source, target, amount in batch:
            sums[token, source] -= amount
            sums[token, target] += amount
    return dict(sums)


@given(st.lists(st.lists(transfers, max_size=8), max_size=4))
def test_sums__any_transfers__those_of_a_dict(batches: list[list[Transfer]]) -> None:
    sums = sums_of(batches)

    assert changes(sums.movements()) == expected(batches)
    assert len(sums) == len(expected(batches))


def test_sums__ranges__from_above_the_first_to_the_last() -> None:
    sums = sums_of([[], [], []], above=4)

    moved = sums.movements()

    assert (moved.above, moved.upto, sums.upto, moved.change) == (4, 7, 7, [])


def test_sums__accounts_that_share_a_hash__told_apart() -> None:
    """The words of two accounts differ, and what they are multiplied with hides it."""
    twins = _twins()
    story = [[(TOKENS[0], twins[0], twins[1], 7)], [(TOKENS[0], twins[1], twins[2], 2**200)]]

    sums = sums_of(story)

    assert len(set(twins)) == 3
    assert changes(sums.movements()) == expected(story)
    assert len(sums) == 3


def _twins() -> tuple[Address, ...]:
    """Addresses of one hash: what the fourth word adds, the fifth takes away again.

    An account is the second half of the third word, and the fourth and fifth.
    """
    fourth, fifth = (int(row_hashes(_unit(place))[0]) for place in (3, 4))
    inverse = pow(fifth, -1, 1 << 64)
    return tuple(
        Address(bytes(4) + _word(step) + _word(-step * fourth * inverse)) for step in (1, 2, 3)
    )


def _unit(place: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    row = np.zeros((1, 40), dtype=np.uint8)
    row[0, 8 * place] = 1
    return row_words(row)


def _word(value: int) -> bytes:
    return (value % (1 << 64)).to_bytes(8, "little")
