import pytest

from contracts.evm import ZERO_HASH, BlockNumber, BlockRef, Epoch, Timestamp
from settlement.royalties.epoch import Timeline

CLOCK = Timeline(genesis=Timestamp(1_000), length=100, grace=20)


def block_at(timestamp: int) -> BlockRef:
    return BlockRef(
        number=BlockNumber(1),
        hash=ZERO_HASH,
        parent_hash=ZERO_HASH,
        timestamp=Timestamp(timestamp),
    )


@pytest.mark.parametrize(("timestamp", "epoch"), [(1_000, 0), (1_099, 0), (1_100, 1), (1_399, 3)])
def test_timeline__second__epoch(timestamp: int, epoch: int) -> None:
    assert CLOCK.epoch_at(Timestamp(timestamp)) == epoch


def test_timeline__epoch__half_open_with_grace() -> None:
    borders = (CLOCK.start_of(Epoch(2)), CLOCK.end_of(Epoch(2)), CLOCK.grace_end_of(Epoch(2)))

    assert borders == (1_200, 1_300, 1_320)


@pytest.mark.parametrize(("timestamp", "computable"), [(1_319, False), (1_320, True)])
def test_timeline__finalized_block__computable_from_grace_end(
    timestamp: int, computable: bool
) -> None:
    assert CLOCK.is_computable(Epoch(2), block_at(timestamp)) is computable
