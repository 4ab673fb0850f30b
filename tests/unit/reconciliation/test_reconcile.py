"""`reconciliation.reconcile`, with both sides in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import pytest

from contracts.evm import BlockNumber, BlockRef, Hash32
from contracts.money_events import HoldEvent, TransferEvent
from reconciliation.discrepancy import Kind
from reconciliation.errors import ChainUnavailable
from reconciliation.reconcile import Run, reconcile
from reconciliation.snapshot import BookSnapshot, ChainSnapshot, Questions
from tests.unit.reconciliation.test_checks import BLOCK, BOOKS, CHAIN, DIGEST, PAYEE, ROOT
from tests.unit.reconciliation.test_standing import announced, lifted, placed

BOOKED = replace(BOOKS, computed_roots={}, holds={}, announced={})
"""As the books know it; the rest comes from elsewhere."""


@dataclass
class Books:
    booked: BookSnapshot | None = BOOKED
    asked_since: list[BlockNumber] = field(default_factory=list)

    def snapshot(self, *, since: BlockNumber) -> BookSnapshot | None:
        self.asked_since.append(since)
        return self.booked


@dataclass
class Facts:
    """The hold and the announced transfer that `BOOKS` and `CHAIN` have."""

    holds: list[HoldEvent] = field(default_factory=lambda: [placed(PAYEE, 5000)])
    transfers: list[TransferEvent] = field(default_factory=lambda: [announced(b"one", 4)])
    asked: list[BlockRef] = field(default_factory=list)

    def hold_events(self, upto: BlockRef) -> list[HoldEvent]:
        self.asked.append(upto)
        return self.holds

    def transfer_events(self, upto: BlockRef) -> list[TransferEvent]:
        self.asked.append(upto)
        return self.transfers


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

    run = reconcile(books, Facts(), Computed(), chain, runs)

    assert run is not None
    assert (run.block, run.discrepancies) == (BLOCK, ())
    assert run.checks == len(Kind)
    assert runs.recorded == [run]
    assert chain.asked == [(BLOCK, BOOKS.questions())]


def test_reconcile__disagreement__recorded() -> None:
    runs = Runs()

    run = reconcile(Books(), Facts(), Computed({}), Chain(), runs)

    assert run is not None
    assert [one.kind for one in run.discrepancies] == [Kind.MANIFEST]
    assert runs.recorded == [run]


def test_reconcile__nothing_posted__no_run() -> None:
    chain, runs = Chain(), Runs()

    assert reconcile(Books(None), Facts(), Computed(), chain, runs) is None
    assert (chain.asked, runs.recorded) == ([], [])


def test_reconcile__chain_does_not_answer__no_run() -> None:
    runs = Runs()

    with pytest.raises(ChainUnavailable):
        reconcile(Books(), Facts(), Computed(), Chain(None), runs)

    assert runs.recorded == []


@pytest.mark.parametrize(("clean", "since"), [(None, 0), (BlockNumber(5), 5)])
def test_reconcile__after_a_clean_run__settled_leaves_since_then(
    clean: BlockNumber | None, since: int
) -> None:
    books = Books()

    reconcile(books, Facts(), Computed(), Chain(), Runs(clean))

    assert books.asked_since == [since]


def test_reconcile__hold_that_the_chain_does_not_have__found() -> None:
    """A payee that was ever held is asked about, also if the books think that the hold is over."""
    facts, chain = Facts(holds=[placed(PAYEE, 5000), lifted(PAYEE)]), Chain()

    run = reconcile(Books(), facts, Computed(), chain, Runs())

    assert run is not None
    ((_, questions),) = chain.asked
    assert questions.held == (PAYEE,)
    (found,) = run.discrepancies
    assert (found.kind, found.expected, found.actual) == (Kind.HOLDS, "0", "5000")
    assert facts.asked == [BLOCK, BLOCK]


def test_reconcile__transfer_announced_only_here__found() -> None:
    facts = Facts(transfers=[announced(b"one", 4), announced(b"two", 3)])

    run = reconcile(Books(), facts, Computed(), Chain(), Runs())

    assert run is not None
    (found,) = run.discrepancies
    assert (found.kind, found.expected, found.actual) == (Kind.ANNOUNCED, "7", "4")
