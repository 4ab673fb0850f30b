"""Taking books back: the pure part, and the use case on books in memory."""

import pytest

from settlement.ledger.journal import EntryStatus, SourceKind
from settlement.ledger.posting_rules import funded, reserved
from settlement.ledger.rewind import is_above, taken_back
from tests.ledger_builders import MemoryBooks, MoneyChain, op_id_of
from tests.ledger_contract import LEAF
from tests.ledger_rewind_contract import RewindContract


class TestMemoryBooks(RewindContract):
    @pytest.fixture
    def books(self) -> MemoryBooks:
        return MemoryBooks()


def test_is_above__cursor_beside_the_block__only_above() -> None:
    chain = MoneyChain()
    low, middle, high = chain.blocks[0], chain.mine(), chain.mine()

    assert [is_above(cursor, middle) for cursor in (None, low, middle, high)] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("version", [0, 3])
def test_taken_back__entry__reversed_at_the_block_in_its_own_version(version: int) -> None:
    chain = MoneyChain()
    entry = funded(chain.funded(5), version)
    to = chain.blocks[0]

    undone = taken_back(entry, to)

    assert undone.postings == tuple(posting.reversed() for posting in entry.postings)
    assert (undone.effective_at, undone.evidence) == (to.timestamp, undone.evidence)
    assert undone.evidence is not None
    assert (undone.evidence.block_number, undone.evidence.block_hash) == (to.number, to.hash)
    assert (undone.source.kind, undone.source.version) == (SourceKind.REWIND, version)
    assert undone.source.id == (version + 1).to_bytes(4, "big") + entry.id


def test_taken_back__reservation__pending_the_other_way() -> None:
    entry = reserved(
        op_id_of(LEAF),
        1,
        leaf=LEAF,
        open_lines=LEAF.lines,
        planned_at=MoneyChain().blocks[0],
        version=0,
    )

    undone = taken_back(entry, MoneyChain().blocks[0])

    assert undone.status is EntryStatus.PENDING
    assert [posting.debit.path for posting in undone.postings] == ["in_transit"] * 2
