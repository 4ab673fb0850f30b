"""Use case: look at a transaction that is said to pay an intent, and bind what pays it.

    index ──► evidence ─┐
    node, if behind ────┴─► verify ─► claim, once for ever ─► standing ─► history

Looking is idempotent: the same order again is success, and only changes are recorded. What is
terminal is not recorded again, and only the index makes it so.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from contracts.evm import Hash32, Timestamp
from settlement.errors import Transient
from settlement.payments.claiming import Claimed, claimed, is_payment
from settlement.payments.errors import UnknownIntent
from settlement.payments.evidence import Heights, Place
from settlement.payments.intent import PaymentIntent
from settlement.payments.policies import Ruling, ruling
from settlement.payments.ports import (
    PaymentFacts,
    PaymentNode,
    PaymentStore,
    RecordedVerdict,
    Submission,
)
from settlement.payments.rulebook import END_OF_CHAIN
from settlement.payments.sources import Evidence, NodeForOneRun, gather
from settlement.payments.states import (
    Level,
    Standing,
    State,
    confirmations,
    is_over,
    level_of,
    standing_of_absent,
    standing_of_mined,
)
from settlement.payments.verification import Check, Verdict, verify

PAGE = 200
"""Open submissions or intents that are read at once."""

DISCOVERY_S = 7 * 24 * 3600
"""So long after its end an unclaimed order is still looked for in the index."""

SUBMISSIONS_MAX = 16
"""Transactions that an intent may be told of, besides those whose events name its order.

So strangers who send nonsense cannot keep the one that pays from being looked at.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a submission found.

    `verdict` and `ruling` are None while no block has the transaction. `claim` is the place that is
    bound to the order; `confirmations` count the transaction's own block.
    """

    intent: PaymentIntent
    transaction_hash: Hash32
    verdict: Verdict | None
    standing: Standing
    ruling: Ruling | None
    claim: Place | None
    confirmations: int
    reason: str

    @property
    def is_verified(self) -> bool:
        """Whether every check passed."""
        return self.verdict is not None and self.verdict.is_verified


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDesk:
    """The payments of one settlement; `node` is None where only the index may be asked."""

    store: PaymentStore
    open_facts: Callable[[], AbstractContextManager[PaymentFacts]]
    node: PaymentNode | None

    def declare(self, intent: PaymentIntent) -> bool:
        """Store an intent; False if it was there already."""
        return self.store.declare(intent)

    def quoted(self, intent: PaymentIntent) -> PaymentIntent:
        """The intent with the fee terms in force at the head of the index, if there are any."""
        if intent.family.fee is None:
            return intent
        with self.open_facts() as facts:
            terms = facts.rulebook(intent).fee_terms_at(intent.contract, END_OF_CHAIN)
        return replace(intent, fee_terms=terms)

    def submit(self, submission: Submission) -> Look:
        """Take note of a transaction, and look at it.

        Raises:
            UnknownIntent: there is no such intent.
            TooManySubmissions: it has too many transactions already.
            ChainUnavailable: the index does not have it, and the node does not answer.
            ClaimLost: others bind the same order at this moment.
        """
        intent = self.store.intent(submission.intent_id)
        if intent is None:
            raise UnknownIntent(submission.intent_id)
        with self.open_facts() as facts:
            paying = {tx_hash for tx_hash, _ in facts.transactions_of(intent)}
        is_paying = submission.transaction_hash in paying
        self.store.submit(submission, at_most=None if is_paying else SUBMISSIONS_MAX)
        return self.look(submission)

    def look(self, submission: Submission) -> Look:
        """Look at a submission: bind it if it pays, and record what changed.

        Raises:
            UnknownIntent: there is no such intent.
            ChainUnavailable: the index does not have it, and the node does not answer.
            ClaimLost: others bind the same order at this moment.
        """
        intent = self.store.intent(submission.intent_id)
        if intent is None:
            raise UnknownIntent(submission.intent_id)
        last = self.store.last_verdict(submission)
        found = self._look(intent, submission, last, needed=Level.RECEIVED, binds=True)
        line = _line(found, last)
        if line != last and (last is None or not last.is_terminal):
            self.store.record(line, after=last)
        return found

    def inspect(self, intent: PaymentIntent, tx_hash: Hash32, *, needed: Level) -> Look:
        """What a look would find; nothing is bound or recorded, the intent need not be stored.

        Raises:
            ChainUnavailable: the index does not have it, and the node does not answer.
        """
        submission = Submission(intent.intent_id, tx_hash)
        last = self.store.last_verdict(submission)
        return self._look(intent, submission, last, needed=needed, binds=False)

    def look_again(self) -> int:
        """Look at all that is not at its end, and for payments that nobody told of; how many.

        Raises:
            Transient: the first such failure, after everything else was looked at.
        """
        self._discover()
        run = replace(self, node=None if self.node is None else NodeForOneRun(self.node))
        looked, failure = 0, None
        last: Submission | None = None
        while page := self.store.open_submissions(after=last, limit=PAGE):
            for submission in page:
                try:
                    run.look(submission)
                except Transient as error:
                    failure = failure or error
                looked += 1
            last = page[-1]
        if failure is not None:
            raise failure
        return looked

    def _discover(self) -> None:
        """Submit what the index has for orders that nobody submitted the payment of."""
        with self.open_facts() as facts:
            heights = facts.heights()
            if heights is None:
                return
            newest = heights.head if heights.finalized is None else heights.finalized
            since = Timestamp(newest.timestamp - DISCOVERY_S)
            last: Hash32 | None = None
            while page := self.store.unclaimed_intents(until_after=since, after=last, limit=PAGE):
                for intent in page:
                    for tx_hash, _ in facts.transactions_of(intent):
                        self.store.submit(Submission(intent.intent_id, tx_hash), at_most=None)
                last = page[-1].intent_id

    def _look(
        self,
        intent: PaymentIntent,
        submission: Submission,
        last: RecordedVerdict | None,
        *,
        needed: Level,
        binds: bool,
    ) -> Look:
        hint = None if last is None else last.block_number
        with self.open_facts() as facts:
            indexed = facts.heights()
            tx_hash = submission.transaction_hash
            evidence = gather(intent, tx_hash, facts, self.node, hint=hint)
            if evidence is None:
                is_past = self._is_past(intent, indexed)
                return _absent(intent, submission, last, is_past=is_past)
            verdicts = verify(
                intent, evidence.seen, evidence.rulebook, evidence.heights, needed=needed
            )
            outcome = claimed(
                intent,
                verdicts,
                self.store,
                stands=lambda place: self._stands(intent, place, facts),
                kept=self._kept(intent, evidence),
                binds=binds,
            )
            paid = outcome.verdict.paid
            is_refunded = paid is not None and facts.is_refunded(intent, paid.payer)
        return _mined(intent, evidence, outcome, indexed, is_refunded=is_refunded)

    def _is_past(self, intent: PaymentIntent, indexed: Heights | None) -> bool:
        """Whether no block can have the payment any more, for all that we could see.

        The index finds payments by their order. Without an order only a node finds them, and one
        that is behind the end of the intent's time has not seen all that was in time.
        """
        if indexed is None or indexed.finalized is None or not is_over(intent.until, indexed):
            return False
        if intent.family.order is not None:
            return True
        return self.node is not None and self.node.heights().head.timestamp >= intent.until

    def _kept(self, intent: PaymentIntent, evidence: Evidence) -> set[Place]:
        """Places of logs that pay who asked for the same order first."""
        return {
            one.place
            for first in self.store.first_askers(intent)
            for one in verify(
                first,
                evidence.seen,
                evidence.rulebook,
                evidence.heights,
                needed=Level.RECEIVED,
            )
            if one.place is not None and is_payment(one)
        }

    def _stands(self, intent: PaymentIntent, place: Place, facts: PaymentFacts) -> bool:
        """Whether what the order claimed before is on the chain, and pays it."""
        tx_hash = place.transaction_hash
        last = self.store.last_verdict(Submission(intent.intent_id, tx_hash))
        hint = None if last is None else last.block_number
        evidence = gather(intent, tx_hash, facts, self.node, hint=hint)
        if evidence is None:
            return False
        verdicts = verify(
            intent, evidence.seen, evidence.rulebook, evidence.heights, needed=Level.RECEIVED
        )
        return any(one.place == place and is_payment(one) for one in verdicts)


def _mined(
    intent: PaymentIntent,
    evidence: Evidence,
    outcome: Claimed,
    indexed: Heights | None,
    *,
    is_refunded: bool,
) -> Look:
    seen, verdict = evidence.seen, outcome.verdict
    is_past = indexed is not None and is_over(intent.until, indexed)
    standing = standing_of_mined(
        level_of(seen.block.number, evidence.heights),
        is_verified=is_payment(verdict),
        is_canonical=Check.BLOCK not in verdict.failed,
        source=seen.source,
        is_over=is_past,
    )
    if outcome.is_duplicate and not is_past:
        standing = replace(standing, is_terminal=False)  # the other log may still go
    return Look(
        intent=intent,
        transaction_hash=seen.transaction_hash,
        verdict=verdict,
        standing=standing,
        ruling=ruling(
            verdict,
            asked=intent.amount,
            is_duplicate=outcome.is_duplicate,
            is_refunded=is_refunded,
        ),
        claim=outcome.place,
        confirmations=confirmations(seen.block.number, evidence.heights),
        reason=_reason(verdict),
    )


def _absent(
    intent: PaymentIntent,
    submission: Submission,
    last: RecordedVerdict | None,
    *,
    is_past: bool,
) -> Look:
    was_mined = last is not None and last.block_number is not None
    reason = "no block has the transaction"
    if last is not None and was_mined:
        reason = f"block {last.block_number} {last.block_hash} was replaced, and {reason} now"
    return Look(
        intent=intent,
        transaction_hash=submission.transaction_hash,
        verdict=None,
        standing=standing_of_absent(was_mined=was_mined, is_over=is_past),
        ruling=None,
        claim=None,
        confirmations=0,
        reason=reason,
    )


def _reason(verdict: Verdict) -> str:
    """Every failed check, in words."""
    failed = [
        f"{one.check.value}: expected {one.expected}, found {one.actual or 'nothing to read'}"
        for one in verdict.findings
        if one.check in verdict.failed
    ]
    return "; ".join(failed) or "every check passed"


def _line(found: Look, last: RecordedVerdict | None) -> RecordedVerdict:
    """What the history says of a look; of what is gone, where it was seen last."""
    verdict = found.verdict
    is_gone = found.standing.state is State.GONE and verdict is None
    seen = None if verdict is None else verdict.seen
    was = last if is_gone else None
    return RecordedVerdict(
        intent_id=found.intent.intent_id,
        transaction_hash=found.transaction_hash,
        state=found.standing.state,
        is_terminal=found.standing.is_terminal,
        outcome=None if found.ruling is None else found.ruling.outcome,
        failed=() if verdict is None else tuple(one.value for one in verdict.failed),
        source=None if seen is None else seen.source,
        block_number=(was.block_number if was else None) if seen is None else seen.block.number,
        block_hash=(was.block_hash if was else None) if seen is None else seen.block.hash,
        log_index=(was.log_index if was else None) if verdict is None else verdict.log_index,
        reason=found.reason,
    )
