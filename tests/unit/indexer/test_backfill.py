"""Which blocks are fetched next for contracts that are added to an index."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber
from indexer.backfill import Backfill, StagedLogs
from indexer.blocks import BlockBatch
from indexer.levels import Level
from indexer.ranges import BlockRange
from tests.fakes_chain import SOURCES, TOKEN, FakeChain, plan

BEFORE = {one: SOURCES[one] for one in SOURCES if one is not TOKEN}


@dataclass
class Staged:
    """Nothing but how far it is; serves `backfill.BackfillStore`."""

    number: int

    def reached(self) -> BlockNumber:
        return BlockNumber(self.number)

    def held(self, blocks: BlockRange) -> BlockBatch:
        raise NotImplementedError

    def has_logs_of(self, address: Address) -> bool:
        raise NotImplementedError

    def stage(self, staged: StagedLogs) -> None:
        raise NotImplementedError

    def add(self, head: object, before: Mapping[Address, ContractName]) -> int:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("reached", "start", "end"), [(-1, 0, 8), (3, 4, 10), (8, 9, 10), (9, 10, 18), (15, 16, 21)]
)
def test_due__range__on_one_side_of_what_is_final(reached: int, start: int, end: int) -> None:
    """What cannot change is fetched otherwise than what can."""
    chain = FakeChain()
    chain.mine(*([] for _ in range(20)))
    wanted = plan(sources=SOURCES, level=Level.NONE)
    backfill = Backfill(wanted, BEFORE, chain, Staged(reached))

    head = chain.head().ref
    due = backfill.due(head, final_end=BlockNumber(10), blocks_max=8)

    assert due == BlockRange(BlockNumber(start), BlockNumber(end))
