"""Reconcile: both snapshots at the books' finalized block, all checks, one recorded run.

The books are read first. Their cursor is a finalized block, and the chain is asked at exactly its
hash: an endpoint that has another block at that height cannot answer.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from contracts.evm import BlockNumber, BlockRef, Hash32
from contracts.money_events import HoldEvent, TransferEvent
from reconciliation.checks import CHECKS, discrepancies
from reconciliation.discrepancy import Discrepancy
from reconciliation.snapshot import BookSnapshot, ChainSnapshot, Questions
from reconciliation.standing import announced_transfers, standing_holds

log = logging.getLogger(__name__)


class Books(Protocol):
    """The books of one settlement."""

    def snapshot(self, *, since: BlockNumber) -> BookSnapshot | None:
        """The books at their cursor, None if nothing is posted.

        `holds`, `announced` and `computed_roots`, which the books do not know, are empty. Of leaves
        that are settled whole, only those settled above block `since` are listed.
        """
        ...


class StandingFacts(Protocol):
    """Indexed events that stand without moving money; a block that is not indexed is refused."""

    def hold_events(self, upto: BlockRef) -> Sequence[HoldEvent]:
        """Holds placed and lifted, in chain order."""
        ...

    def transfer_events(self, upto: BlockRef) -> Sequence[TransferEvent]:
        """What became of transfers of unallocated money, in chain order."""
        ...


class ComputedRoots(Protocol):
    """Epochs that we computed ourselves."""

    def roots(self, manifest_digests: Collection[Hash32]) -> Mapping[Hash32, Hash32]:
        """Roots by manifest digest, as far as they are known."""
        ...


class Chain(Protocol):
    """`EpochPayouts` as one endpoint shows it."""

    def snapshot(self, at: BlockRef, questions: Questions) -> ChainSnapshot:
        """The answers at this block hash."""
        ...


class Runs(Protocol):
    """Recorded runs of one settlement."""

    def last_clean_block(self) -> BlockNumber | None:
        """The block of the newest run that found nothing."""
        ...

    def record(self, run: "Run") -> int:
        """Store a run with its discrepancies; its number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One reconciliation: how many checks were made at which block, and what they found."""

    block: BlockRef
    checks: int
    discrepancies: tuple[Discrepancy, ...]


def reconcile(
    books: Books, facts: StandingFacts, computed: ComputedRoots, chain: Chain, runs: Runs
) -> Run | None:
    """Compare books and chain at the books' cursor; None if nothing is posted yet.

    A settled line is settled for ever, so leaves that a clean run has compared are not compared
    again.

    Raises:
        ChainUnavailable: the endpoint does not answer for this block.
        BadAnswer: a contract answers what its interface rules out.
    """
    booked = books.snapshot(since=runs.last_clean_block() or BlockNumber(0))
    if booked is None:
        return None
    booked = _with_facts(booked, facts)
    on_chain = chain.snapshot(booked.block, booked.questions())
    digests = {each.manifest_digest for each in on_chain.committed.values()}
    booked = replace(booked, computed_roots=computed.roots(digests))
    run = Run(
        block=booked.block,
        checks=len(CHECKS),
        discrepancies=tuple(discrepancies(on_chain, booked)),
    )
    number = runs.record(run)
    log.info(
        "settlement reconciled",
        extra={
            "run": number,
            "block_number": run.block.number,
            "checks": run.checks,
            "discrepancies": len(run.discrepancies),
        },
    )
    return run


def _with_facts(booked: BookSnapshot, facts: StandingFacts) -> BookSnapshot:
    """The snapshot with what stands at its block, of things that move no money."""
    events = facts.hold_events(booked.block)
    ever_held = dict.fromkeys((event.account for event in events), 0)
    return replace(
        booked,
        holds=ever_held | standing_holds(events, booked.block.timestamp),
        announced=announced_transfers(facts.transfer_events(booked.block)),
    )
