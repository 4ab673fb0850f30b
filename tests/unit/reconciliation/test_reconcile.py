"""`reconciliation.reconcile`, with both sides in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import pytest

from contracts.evm import BlockNumber, BlockRef, Hash32
from reconciliation.discrepancy import Kind
from reconciliation.errors import ChainUnavailable
from reconciliation.reconcile import Run, reconcile
from reconciliation.snapshot import BookSnapshot, ChainSnapshot, Questions
from tests.unit.reconciliation.test_checks import BLOCK, BOOKS, CHAIN, DIGEST, ROOT


@dataclass
class Books:
    booked: BookSnapshot | None = field(default_factory=lambda: replace(BOOKS, computed_roots={}))
    asked_since: list[BlockNumber] = field(default_factory=list)

    def snapshot(self, *, since: BlockNumber) -> BookSnapshot | None:
        self.asked_since.append(since)
        return self.booked


@dataclass
class Computed:
    known: Mapping[Hash32, Hash32] = field(default_factory=lambda: {DIGEST: ROOT})

    def roots(self, manifest_digests: Collection[Hash32]) -> Mapping[Hash32, Hash32]:
        return {one: self.known[one] for one in manifest_digests if one in self.known}


@dataclass
class Chain:
    answer: ChainSnapshot | None = CHAIN
    asked: list[tuple[BlockRef, Questions]] = field(default_factory=list)

    def snapshot(self, at: BlockRef, questions: Questions) -> ChainSnapshot:
        self.asked.append((at, questions))
        if self.answer is None:
            raise ChainUnavailable("node.example", "block unknown")
        return self.answer


@dataclass
class Runs:
    clean: BlockNumber | None = None
    recorded: list[Run] = field(default_factory=list)

    def last_clean_block(self) -> BlockNumber | None:
        return self.clean

    def record(self, run: Run) -> int:
        self.recorded.append(run)
        return len(self.recorded)


def test_reconcile__agreement__clean_run_at_the_books_block() -> None:
    books, chain, runs = Books(), Chain(), Runs()

    run = reconcile(books, Computed(), chain, runs)

    assert run is not None
    assert (run.block, run.discrepancies) == (BLOCK, ())
    assert run.checks == len(Kind)
    assert runs.recorded == [run]
    assert chain.asked == [(BLOCK, BOOKS.questions())]


def test_reconcile__disagreement__recorded() -> None:
    runs = Runs()

    run = reconcile(Books(), Computed({}), Chain(), runs)

    assert run is not None
    assert [one.kind for one in run.discrepancies] == [Kind.MANIFEST]
    assert runs.recorded == [run]


def test_reconcile__nothing_posted__no_run() -> None:
    chain, runs = Chain(), Runs()

    assert reconcile(Books(None), Computed(), chain, runs) is None
    assert (chain.asked, runs.recorded) == ([], [])


def test_reconcile__chain_does_not_answer__no_run() -> None:
    runs = Runs()

    with pytest.raises(ChainUnavailable):
        reconcile(Books(), Computed(), Chain(None), runs)

    assert runs.recorded == []


@pytest.mark.parametrize(("clean", "since"), [(None, 0), (BlockNumber(5), 5)])
def test_reconcile__after_a_clean_run__settled_leaves_since_then(
    clean: BlockNumber | None, since: int
) -> None:
    books = Books()

    reconcile(books, Computed(), Chain(), Runs(clean))

    assert books.asked_since == [since]
