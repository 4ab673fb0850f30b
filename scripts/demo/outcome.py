"""What the demo came to, read from books, facts and computed epochs, and its JSON spelling."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection

from contracts.addresses import Settlement
from contracts.evm import Address, Epoch, Hash32
from indexer.adapters.reads import FactReads
from reconciliation.standing import standing_holds
from reconciliation.statements import EpochStatement, epoch_statements, works_under_verdict
from scripts.bootstrap_settlement import book_of
from scripts.demo.payment_outcome import PaymentsOutcome
from settlement.ledger.adapters.reads import LedgerReads
from settlement.royalties.adapters.attempts import ComputedAttempt, ComputedAttempts

DIVIDED = ("allocated", "fees", "escrow", "unallocated")
"""What becomes of everything that is paid."""

PLACED = ("withdrawn", "held", "unclaimed")
"""Where everything that is allocated, and the fees, are in the end."""

AMOUNTS = ("paid", *DIVIDED, *PLACED)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochOutcome:
    """One epoch: what was computed, and where its money is."""

    number: Epoch
    root: Hash32
    manifest_digest: Hash32
    amounts: dict[str, int]

    @property
    def problems(self) -> tuple[str, ...]:
        """Sums that do not agree."""
        amounts, found = self.amounts, []
        if amounts["paid"] != sum(amounts[name] for name in DIVIDED):
            found.append(f"epoch {self.number}: paid is not {' + '.join(DIVIDED)}")
        if amounts["allocated"] + amounts["fees"] != sum(amounts[name] for name in PLACED):
            found.append(f"epoch {self.number}: allocated + fees is not {' + '.join(PLACED)}")
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeHold:
    """A payee was left out when an epoch was paid, and got it when the hold was lifted."""

    account: Address
    epoch: Epoch
    held: int
    balance_before: int
    balance_after: int

    @property
    def paid(self) -> int:
        """What it received after the hold."""
        return self.balance_after - self.balance_before


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowClaim:
    """Somebody claimed a content that nobody was paid for, and fetched what was waiting."""

    content_id: Hash32
    claimant: Address
    released: int
    withdrawn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """The transaction in which the watcher stopped a wrong root."""

    epoch: Epoch
    attempt: int
    transaction: Hash32


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
    hold: PayeeHold | None
    claim: EscrowClaim | None
    veto: Veto | None
    payments: PaymentsOutcome | None
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
        findings = {
            f"{self.discrepancies} discrepancies between chain and books": self.discrepancies > 0,
            f"the verifier disagrees: {self.verifier}": self.verifier != "OK",
            "no endpoint left a log out, so nothing shows that it would be noticed": (
                self.omission_refused_at is None
            ),
            "no held payee was paid exactly what was held": (
                self.hold is None or not 0 < self.hold.held == self.hold.paid
            ),
            "no claimant withdrew exactly what was in escrow": (
                self.claim is None or not 0 < self.claim.released == self.claim.withdrawn
            ),
            "no watcher vetoed the wrong root": self.veto is None,
            "nobody paid for a single thing": self.payments is None,
        }
        found = [problem for problem, is_so in findings.items() if is_so]
        found += () if self.payments is None else self.payments.problems
        found += [problem for epoch in self.epochs for problem in epoch.problems]
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
            "payee_hold": self.hold and _hold_json(self.hold),
            "escrow_claim": self.claim and _claim_json(self.claim),
            "vetoed_by_watcher": self.veto and _veto_json(self.veto),
            "payments": self.payments and self.payments.to_json(),
            "discrepancies": self.discrepancies,
            "verifier": self.verifier,
            "restarts": self.restarts,
            "omission_refused_at": self.omission_refused_at,
            "api": self.api,
        }


def _hold_json(hold: PayeeHold) -> dict[str, object]:
    amounts = {"held": str(hold.held), "paid": str(hold.paid)}
    return {"account": str(hold.account), "epoch": hold.epoch, **amounts}


def _claim_json(claim: EscrowClaim) -> dict[str, object]:
    return {
        "content": str(claim.content_id),
        "claimant": str(claim.claimant),
        "released": str(claim.released),
        "withdrawn": str(claim.withdrawn),
    }


def _veto_json(veto: Veto) -> dict[str, object]:
    transaction = str(veto.transaction)
    return {"epoch": veto.epoch, "attempt": veto.attempt, "transaction": transaction}


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
    payees = standing_holds(facts.hold_events(finalized), finalized.timestamp) if finalized else {}
    statements = epoch_statements(
        books.flows(), leaves, held_works=under_verdict, held_payees=payees
    )
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
            "fees": sum(one.fees for one in ours),
            "escrow": sum(one.escrow for one in ours),
            "unallocated": sum(one.unallocated for one in ours),
            "withdrawn": sum(one.withdrawn for one in ours),
            "held": sum(one.held for one in ours),
            "unclaimed": sum(one.unclaimed for one in ours),
        },
    )
