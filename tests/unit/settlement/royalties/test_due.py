"""Which epoch is computed next."""

from dataclasses import dataclass

import pytest

from contracts.evm import ZERO_HASH, BlockNumber, Epoch
from settlement.royalties.due import due_epoch
from tests.royalties_builders import CLOCK, FIRST_EPOCH, SETTLEMENT, ScriptedChain


@dataclass(frozen=True)
class Stored:
    """Satisfies `due.Attempt`."""

    epoch: Epoch
    attempt: int


def due(latest: Stored | None, chain: ScriptedChain) -> Epoch | None:
    return due_epoch(latest, settlement=SETTLEMENT, source=chain)


@pytest.mark.parametrize(
    ("latest", "vetoes", "expected"),
    [
        (None, 0, 3),  # the epoch of the start block
        ((3, 1), 0, 4),
        ((3, 1), 1, 3),
        ((3, 2), 1, 4),  # the veto was answered by the second attempt
        ((3, 2), 2, 3),
        ((4, 1), 0, 5),
        ((4, 1), 1, 5),  # vetoes of epoch 3 say nothing of epoch 4
    ],
)
def test_due_epoch__stored_and_vetoed__next(
    latest: tuple[int, int] | None, vetoes: int, expected: int
) -> None:
    chain = ScriptedChain()
    for attempt in range(1, vetoes + 1):
        chain.commit(FIRST_EPOCH, ZERO_HASH, active_at=0, attempt=attempt)
        chain.veto(FIRST_EPOCH, attempt=attempt)

    assert due(latest and Stored(Epoch(latest[0]), latest[1]), chain) == expected


def test_due_epoch__committed__next_epoch() -> None:
    chain = ScriptedChain()
    chain.commit(FIRST_EPOCH, ZERO_HASH, active_at=0)

    assert due(Stored(FIRST_EPOCH, 1), chain) == FIRST_EPOCH + 1


def test_due_epoch__veto_not_final__waits_with_the_next() -> None:
    chain = ScriptedChain()
    chain.mine(CLOCK.end_of(FIRST_EPOCH))
    chain.veto(FIRST_EPOCH)
    chain.blocks.pop()  # the veto's block is not final yet

    assert due(Stored(FIRST_EPOCH, 1), chain) == FIRST_EPOCH + 1


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (CLOCK.start_of(Epoch(5)), 5),
        (CLOCK.end_of(Epoch(5)) - 1, 5),
        (CLOCK.end_of(Epoch(5)), 6),
        (CLOCK.genesis, 0),
    ],
)
def test_due_epoch__start_block_at_a_border__its_epoch(second: int, expected: int) -> None:
    assert due(None, ScriptedChain(first_block_at=second)) == expected


def test_due_epoch__no_clock_yet__none() -> None:
    assert due(None, ScriptedChain(has_clock=False)) is None


def test_due_epoch__nothing_final__none() -> None:
    chain = ScriptedChain()
    chain.blocks.clear()

    assert due(None, chain) is None


def test_due_epoch__start_block_not_indexed__none() -> None:
    chain = ScriptedChain()
    chain.mine(CLOCK.end_of(FIRST_EPOCH))
    del chain.blocks[0]

    assert chain.block(BlockNumber(SETTLEMENT.start_block)) is None
    assert due(Stored(FIRST_EPOCH, 1), chain) is None
