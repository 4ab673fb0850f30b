"""`reconciliation.reconcile` over `reconciliation.ports`: what keeps a run from being made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from contracts.addresses import Settlement
from contracts.event_spec import ROYALTY_CONTRACTS
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32
from reconciliation.discrepancy import Kind
from reconciliation.errors import ChainUnavailable
from reconciliation.overdue import Tolerances
from reconciliation.ports import Chain, Run, Sources
from reconciliation.reconcile import reconcile
from tests.unit.reconciliation.test_checks import BLOCK, DIGEST

SETTLEMENT = Settlement(
    name="main",
    chain_id=ChainId(1),
    start_block=BlockNumber(0),
    contracts=dict.fromkeys(ROYALTY_CONTRACTS, Address(b"\xc0" * 20)),
    tokens=(),
)


@dataclass
class OneBlock:
    """An endpoint of which nothing is asked but a block."""

    host: str
    at: BlockRef | None

    def block(self, number: int) -> BlockRef | None:
        return self.at


@dataclass
class NoBooks:
    at: BlockRef | None

    def cursor(self) -> BlockRef | None:
        return self.at

    def resolution(self, standing: object) -> Hash32 | None:
        return None


@dataclass
class Runs:
    recorded: list[Run] = field(default_factory=list)

    def last_clean_block(self) -> BlockNumber | None:
        return None

    def record(self, run: Run, resolution: Callable[[Any], Hash32 | None]) -> int:
        self.recorded.append(run)
        return len(self.recorded)


def sources(cursor: BlockRef | None, *blocks: BlockRef | None) -> Sources:
    first, *others = (
        cast(Chain, OneBlock(f"node {place}", one)) for place, one in enumerate(blocks)
    )
    books = cast(Any, NoBooks(cursor))
    return Sources(
        chain=first, witnesses=others, books=books, documents=cast(Any, None), facts=None
    )


def run_of(given: Sources, runs: Runs) -> Run | None:
    return reconcile(given, runs, settlement=SETTLEMENT, tolerances=Tolerances())


def test_reconcile__nothing_posted__no_run() -> None:
    runs = Runs()

    assert run_of(sources(None, BLOCK), runs) is None
    assert runs.recorded == []


def test_reconcile__chain_without_the_block__no_run() -> None:
    runs = Runs()

    with pytest.raises(ChainUnavailable):
        run_of(sources(BLOCK, None), runs)

    assert runs.recorded == []


def test_reconcile__endpoints_on_two_forks__that_alone_and_no_whole_run() -> None:
    fork = BlockRef(number=BLOCK.number, hash=DIGEST, parent_hash=DIGEST, timestamp=BLOCK.timestamp)
    runs = Runs()

    run = run_of(sources(BLOCK, BLOCK, fork, BLOCK), runs)

    assert run is not None
    assert [one.kind for one in run.discrepancies] == [Kind.SOURCE_DIVERGENCE]
    assert (run.is_complete, run.endpoints) == (False, 3)
    assert runs.recorded == [run]
