"""Range planning: nothing is skipped, nothing is asked for twice, and it always ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import BlockNumber
from indexer.ranges import BlockRange, narrowed, next_range, widened


def blocks(start: int, end: int) -> BlockRange:
    return BlockRange(BlockNumber(start), BlockNumber(end))


def planned(start: int, final_end: int, end: int, window: int) -> BlockRange | None:
    return next_range(
        BlockNumber(start), final_end=BlockNumber(final_end), end=BlockNumber(end), window=window
    )


@pytest.mark.parametrize(
    ("start", "final_end", "end", "window", "expected"),
    [
        (0, 100, 120, 50, blocks(0, 50)),
        (80, 100, 120, 50, blocks(80, 100)),  # does not cross the finalized block
        (100, 100, 120, 50, blocks(100, 120)),
        (100, 100, 120, 7, blocks(100, 107)),
        (119, 100, 120, 7, blocks(119, 120)),
        (120, 100, 120, 7, None),
        (130, 100, 120, 7, None),  # the head moved back
        (0, 100, 10, 50, blocks(0, 10)),  # the end is below the finalized block
        (0, 0, 10, 50, blocks(0, 10)),  # nothing is final
    ],
)
def test_next_range__case__value(
    start: int, final_end: int, end: int, window: int, expected: BlockRange | None
) -> None:
    assert planned(start, final_end, end, window) == expected


@given(
    limit=st.integers(1, 64),
    end=st.integers(1, 300),
    final_end=st.integers(0, 300),
    cap=st.integers(1, 80),
)
def test_planning__node_with_unknown_cap__each_block_once_in_order(
    limit: int, end: int, final_end: int, cap: int
) -> None:
    window, cursor, asked = limit, 0, 0
    covered: list[int] = []
    while (span := planned(cursor, final_end, end, window)) is not None:
        assert span.start == cursor
        asked += 1
        if len(span) > cap:
            smaller = narrowed(span)
            assert smaller is not None
            assert smaller < len(span)
            window = smaller
            continue
        covered += range(span.start, span.end)
        cursor = span.end
        window = widened(window, limit=limit)
        assert 1 <= window <= limit

    assert covered == list(range(end))
    assert asked <= 8 * end


def test_narrowed__single_block__none() -> None:
    assert narrowed(blocks(5, 6)) is None
    assert narrowed(blocks(5, 7)) == 1
    assert narrowed(blocks(5, 1005)) == 500


def test_widened__from_one__grows_back_to_the_limit() -> None:
    window, successes = 1, 0
    while window < 1000:
        window = widened(window, limit=1000)
        successes += 1

    assert successes < 30
