"""What the demo came to, read from books, facts and computed epochs, and its JSON spelling."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection

from contracts.addresses import Settlement
from contracts.evm import Epoch, Hash32
from indexer.adapters.reads import FactReads
from reconciliation.statements import EpochStatement, epoch_statements, works_under_verdict
from scripts.bootstrap_settlement import book_of
from settlement.ledger.adapters.reads import LedgerReads
from settlement.royalties.adapters.attempts import ComputedAttempt, ComputedAttempts

AMOUNTS = ("paid", "allocated", "unallocated", "withdrawn", "held", "unclaimed")


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochOutcome:
    """One epoch: what was computed, and where its money is."""

    number: Epoch
    root: Hash32
    manifest_digest: Hash32
    amounts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOutcome:
    """The demo's result.

    `omission_refused_at` is the block from which an endpoint left a log out, and which was not
    indexed before another endpoint told it whole.
    """

    chain_id: int
    epochs: tuple[EpochOutcome, ...]
    refused_on_chain: int
    quarantined: dict[str, int]
    held: tuple[Hash32, ...]
    discrepancies: int
    verifier: str
    restarts: int
    omission_refused_at: int | None
    api: str | None

    @property
    def totals(self) -> dict[str, int]:
        """The sums over the epochs."""
        return {name: sum(epoch.amounts[name] for epoch in self.epochs) for name in AMOUNTS}

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps the demo from being a success; empty for a good one."""
        found = []
        if self.discrepancies:
            found.append(f"{self.discrepancies} discrepancies between chain and books")
        if self.verifier != "OK":
            found.append(f"the verifier disagrees: {self.verifier}")
        if self.omission_refused_at is None:
            found.append("no endpoint left a log out, so nothing shows that it would be noticed")
        for epoch in self.epochs:
            amounts = epoch.amounts
            placed = amounts["withdrawn"] + amounts["held"] + amounts["unclaimed"]
            if amounts["paid"] != amounts["allocated"] + amounts["unallocated"]:
                found.append(f"epoch {epoch.number}: paid is not allocated + unallocated")
            if amounts["allocated"] != placed:
                found.append(f"epoch {epoch.number}: allocated is not all withdrawn or explained")
        return tuple(found)

    def to_json(self) -> dict[str, object]:
        """Amounts as decimal strings."""
        return {
            "chain": self.chain_id,
            "epochs": [
                {
                    "number": epoch.number,
                    "root": str(epoch.root),
                    "manifest_digest": str(epoch.manifest_digest),
                    **{name: str(epoch.amounts[name]) for name in AMOUNTS},
                }
                for epoch in self.epochs
            ],
            "totals": {name: str(amount) for name, amount in self.totals.items()},
            "refused_on_chain": self.refused_on_chain,
            "quarantined": self.quarantined,
            "held": [str(work_id) for work_id in self.held],
            "discrepancies": self.discrepancies,
            "verifier": self.verifier,
            "restarts": self.restarts,
            "omission_refused_at": self.omission_refused_at,
            "api": self.api,
        }


@dataclass(frozen=True, slots=True)
class SettledEpochs:
    """What the database says about epochs, from one snapshot."""

    epochs: tuple[EpochOutcome, ...]
    quarantined: dict[str, int]
    held: tuple[Hash32, ...]


def settled_epochs(connection: Connection, settlement: Settlement) -> SettledEpochs:
    """Read statements, roots, quarantine and held works at the finalized block."""
    facts = FactReads(connection, settlement)
    books = LedgerReads(connection, book_of(settlement))
    finalized = facts.finalized()
    under_verdict = works_under_verdict(facts.verdicts(finalized)) if finalized else frozenset()
    leaves = books.payable_leaves()
    statements = epoch_statements(books.flows(), leaves, under_verdict)
    attempts = ComputedAttempts(connection)
    newest = {
        attempt.epoch: attempt
        for attempt in attempts.of_settlement(settlement.chain_id, settlement.payouts)
    }
    counts: Counter[str] = Counter()
    for attempt in newest.values():
        counts.update(attempts.quarantined(attempt.manifest_digest))
    return SettledEpochs(
        epochs=tuple(_epoch(attempt, statements) for attempt in newest.values()),
        quarantined=dict(sorted(counts.items())),
        held=tuple(sorted({leaf.work_id for leaf in leaves if leaf.work_id in under_verdict})),
    )


def _epoch(attempt: ComputedAttempt, statements: list[EpochStatement]) -> EpochOutcome:
    ours = [statement for statement in statements if statement.epoch == attempt.epoch]
    return EpochOutcome(
        number=attempt.epoch,
        root=attempt.root,
        manifest_digest=attempt.manifest_digest,
        amounts={
            "paid": sum(one.paid_in for one in ours),
            "allocated": sum(one.allocated for one in ours),
            "unallocated": sum(one.unallocated for one in ours),
            "withdrawn": sum(one.withdrawn for one in ours),
            "held": sum(one.held for one in ours),
            "unclaimed": sum(one.unclaimed for one in ours),
        },
    )
