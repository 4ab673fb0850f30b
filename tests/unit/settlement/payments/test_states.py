"""Levels, states, and what ends the look at a submission."""

import pytest

from contracts.evm import BlockNumber, Timestamp
from settlement.payments.evidence import Source
from settlement.payments.states import (
    LIVE,
    Level,
    Standing,
    State,
    confirmations,
    is_over,
    level_of,
    standing_of_absent,
    standing_of_mined,
)
from tests.payments_builders import HEAD_BLOCK, block, heights


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (110, Level.FINAL),
        (111, Level.SAFE),
        (120, Level.SAFE),
        (121, Level.RECEIVED),
        (HEAD_BLOCK, Level.RECEIVED),
    ],
)
def test_level_of__height__by_the_borders(number: int, level: Level) -> None:
    assert level_of(BlockNumber(number), heights()) is level


def test_level_of__nothing_safe_or_final__received() -> None:
    assert level_of(BlockNumber(1), heights(safe=None, final=None)) is Level.RECEIVED


def test_confirmations__own_block_counts() -> None:
    assert confirmations(BlockNumber(HEAD_BLOCK), heights()) == 1
    assert confirmations(BlockNumber(HEAD_BLOCK - 9), heights()) == 10
    assert confirmations(BlockNumber(HEAD_BLOCK + 5), heights()) == 0


@pytest.mark.parametrize("is_past", [False, True])
@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("level", Level)
def test_standing__verified__terminal_only_if_final_in_the_index(
    level: Level, source: Source, is_past: bool
) -> None:
    standing = standing_of_mined(
        level, is_verified=True, is_canonical=True, source=source, is_ruled_out=is_past
    )

    assert standing.state in LIVE
    assert standing.is_terminal == (level is Level.FINAL and source is Source.FACTS)
    assert standing.is_terminal == (standing.state is State.FINAL)


@pytest.mark.parametrize(
    ("level", "source", "is_past", "is_terminal"),
    [
        (Level.FINAL, Source.FACTS, False, True),
        (Level.FINAL, Source.NODE, False, False),
        (Level.SAFE, Source.FACTS, False, False),
        (Level.RECEIVED, Source.NODE, True, True),
    ],
)
def test_standing__refused__ends_with_its_block_or_its_time(
    level: Level, source: Source, is_past: bool, is_terminal: bool
) -> None:
    standing = standing_of_mined(
        level, is_verified=False, is_canonical=True, source=source, is_ruled_out=is_past
    )

    assert standing == Standing(State.REFUSED, is_terminal)


@pytest.mark.parametrize("is_verified", [False, True])
def test_standing__block_was_replaced__gone(is_verified: bool) -> None:
    standing = standing_of_mined(
        Level.FINAL,
        is_verified=is_verified,
        is_canonical=False,
        source=Source.FACTS,
        is_ruled_out=False,
    )

    assert standing == Standing(State.GONE, False)


@pytest.mark.parametrize(
    ("was_mined", "is_past", "expected"),
    [
        (False, False, Standing(State.AWAITED, False)),
        (False, True, Standing(State.EXPIRED, True)),
        (True, False, Standing(State.GONE, False)),
        (True, True, Standing(State.GONE, True)),
    ],
)
def test_standing__in_no_block__awaited_or_gone(
    was_mined: bool, is_past: bool, expected: Standing
) -> None:
    assert standing_of_absent(was_mined=was_mined, is_over=is_past) == expected


def test_is_over__finalized_block_at_the_end__not_the_head() -> None:
    end = block(110).timestamp

    assert is_over(end, heights(final=110))
    assert not is_over(Timestamp(end + 1), heights(final=110))
    assert not is_over(end, heights(final=None))
