"""How proofs are counted: once, then the new blocks only, and anew when old ones were proved."""

from contracts.evm import BlockNumber
from indexer.blocks import Proof
from indexer.status import Coverage, Tally
from scripts.status_reporter import CoverageCount

PART = 4


class Blocks:
    """Finalized blocks with their proofs, counted in parts."""

    def __init__(self, *proofs: Proof) -> None:
        self.proofs = list(proofs)
        self.counted_blocks = 0

    def counted(self, coverage: Coverage, finalized: BlockNumber) -> Coverage:
        end = min(finalized + 1, coverage.end_block + PART)
        part = self.proofs[coverage.end_block : end]
        self.counted_blocks += len(part)
        blocks = {one: coverage.blocks.get(one, 0) + part.count(one) for one in Proof}
        return Coverage(end_block=BlockNumber(end), blocks=blocks)


def tally(*, finalized: int | None, proved: int = 0) -> Tally:
    return Tally(
        began_ms=0,
        moved_at_ms=0,
        height=None,
        finalized=None if finalized is None else BlockNumber(finalized),
        proved=proved,
    )


def test_coverage__nothing_final__nothing_counted() -> None:
    blocks = Blocks()

    coverage = CoverageCount(blocks.counted, BlockNumber(3)).grown(tally(finalized=None))

    assert (coverage.end_block, coverage.blocks) == (3, {})


def test_coverage__grows__each_block_counted_once() -> None:
    blocks = Blocks(*[Proof.EMPTY] * 5, *[Proof.RECEIPTS] * 5)
    count = CoverageCount(blocks.counted, BlockNumber(0))

    ends = [count.grown(tally(finalized=final)).end_block for final in (5, 5, 9, 9)]

    assert ends == [4, 6, 10, 10]
    assert count.shown.blocks[Proof.EMPTY] == count.shown.blocks[Proof.RECEIPTS] == 5
    assert blocks.counted_blocks == 10


def test_coverage__proved_afterwards__old_numbers_until_counted_anew() -> None:
    blocks = Blocks(*[Proof.STATED] * 10)
    count = CoverageCount(blocks.counted, BlockNumber(0))
    for _ in range(3):
        before = count.grown(tally(finalized=9))
    blocks.proofs = [Proof.RECEIPTS] * 10

    shown = [count.grown(tally(finalized=9, proved=10)) for _ in range(4)]

    assert before.blocks[Proof.STATED] == 10
    assert shown[:3] == [before] * 3
    assert (shown[3].end_block, shown[3].blocks[Proof.RECEIPTS]) == (10, 10)
    assert count.grown(tally(finalized=9, proved=10)) == shown[3]
    assert blocks.counted_blocks == 20
