"""All reorgs of the table, on the store in memory."""

from copy import deepcopy
from dataclasses import dataclass, field

import pytest

from contracts.evm import BlockRef, Hash32, Timestamp
from indexer.ports import FactStore
from tests.fakes_chain import Snapshot
from tests.fakes_facts import MemoryFacts
from tests.reorg_scenarios import Balances, ReorgRow, ReorgScenarios


@dataclass
class HeldInMemory:
    """A store in memory; a new process finds it as it was."""

    store: FactStore = field(init=False)
    facts: MemoryFacts = field(default_factory=MemoryFacts)

    def __post_init__(self) -> None:
        self.store = self.facts

    def reopened(self) -> FactStore:
        return self.store

    def snapshot(self) -> Snapshot:
        return self.facts.snapshot()

    def digest(self) -> Hash32:
        return self.facts.digest()

    def balances(self) -> Balances:
        return dict(self.facts.balances)

    def reorgs(self) -> list[ReorgRow]:
        rows = []
        for one, removed in self.facts.reorgs:
            ancestor, old, new = one.ancestor, one.expected_head, one.new_head
            rows.append(
                ReorgRow(
                    ancestor=None if ancestor is None else (ancestor.number, ancestor.hash),
                    old_head=(old.number, old.hash),
                    new_head=(new.number, new.hash),
                    depth_blocks=one.depth_blocks,
                    removed=dict(removed),
                )
            )
        return rows

    def everything(self) -> object:
        return deepcopy(self.facts)

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        blocks = [one.ref for one in self.facts.blocks.values() if one.ref.timestamp < timestamp]
        return max(blocks, key=lambda one: one.number, default=None)


class TestReorgsInMemory(ReorgScenarios):
    @pytest.fixture
    def facts(self) -> HeldInMemory:
        return HeldInMemory()
