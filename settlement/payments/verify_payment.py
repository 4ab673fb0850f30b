"""Use case: look at a transaction that is said to pay an intent, and bind what pays it.

    index ──► evidence ─┐
    node, if behind ────┴─► verify ─► claim, once for ever ─► standing ─► history, and the next look

Looking is idempotent: the same order again is success, and only changes are recorded. What is
terminal is not recorded again, and only the index makes it so. Who looks again, and at what, is in
`look_again.py`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from contracts.evm import BlockNumber, Hash32, Timestamp
from settlement.errors import ChainUnavailable
from settlement.payments.claiming import Claimed, Paying, claimed, is_payment
from settlement.payments.errors import UnknownIntent
from settlement.payments.evidence import Heights, Source
from settlement.payments.intent import PaymentIntent
from settlement.payments.naming import Place
from settlement.payments.policies import Ruling, ruling
from settlement.payments.ports import (
    PaymentFacts,
    PaymentNode,
    PaymentStore,
    PaymentWatch,
    RecordedVerdict,
    Submission,
)
from settlement.payments.rulebook import END_OF_CHAIN
from settlement.payments.sources import Evidence, gather
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
from settlement.payments.watching import NextLook, SeenIn, next_look

SUBMISSIONS_MAX = 16
"""Transactions that an intent may be told of, besides those whose events name its order.

So strangers who send nonsense cannot keep the one that pays from being looked at.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a submission found.

    `verdict` and `ruling` are None while no block has the transaction. `claim` is the place that is
    bound to the order, `rival` the log that pays it instead; `confirmations` count the
    transaction's own block. `now` is the newest block time that was seen, `is_past` says that the
    intent's time is over at the finalized block.
    """

    intent: PaymentIntent
    transaction_hash: Hash32
    verdict: Verdict | None
    standing: Standing
    ruling: Ruling | None
    claim: Place | None
    rival: Paying | None
    confirmations: int
    reason: str
    now: Timestamp
    is_past: bool

    @property
    def is_verified(self) -> bool:
        """Whether every check passed."""
        return self.verdict is not None and self.verdict.is_verified


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDesk:
    """The payments of one settlement; `node` is None where only the index may be asked."""

    store: PaymentStore
    watch: PaymentWatch
    open_facts: Callable[[], AbstractContextManager[PaymentFacts]]
    node: PaymentNode | None

    def declare(self, intent: PaymentIntent) -> bool:
        """Store an intent; False if it was there already.

        What the index has of a new one's order by now is submitted, and looked at by the next run.
        """
        is_new = self.store.declare(intent)
        if is_new and intent.order_id is not None:
            with self.open_facts() as facts:
                paying = facts.transactions_of(intent)
            for tx_hash in paying:
                self.store.submit(Submission(intent.intent_id, tx_hash), at_most=None)
        return is_new

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
            is_paying = bool(facts.blocks_of(intent, submission.transaction_hash))
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
        if last is None or not last.is_terminal:
            self._keep(submission, found, last)
        return found

    def inspect(self, intent: PaymentIntent, tx_hash: Hash32, *, needed: Level) -> Look:
        """What a look would find; nothing is bound or recorded, the intent need not be stored.

        Raises:
            ChainUnavailable: the index does not have it, and the node does not answer.
        """
        submission = Submission(intent.intent_id, tx_hash)
        last = self.store.last_verdict(submission)
        return self._look(intent, submission, last, needed=needed, binds=False)

    def _keep(self, submission: Submission, found: Look, last: RecordedVerdict | None) -> None:
        """Record what changed and when to look next; a claim wakes the others of its order."""
        line = _line(found, last)
        following = None
        if not found.standing.is_terminal:
            following = _next_look(found, self.store.open_since(submission))
        is_kept = self.store.record(line, after=last, next_look=following)
        if is_kept and line != last:
            claimed_in = {
                place.transaction_hash for place in self.store.claims(submission.intent_id)
            }
            if submission.transaction_hash in claimed_in:
                others = sorted(claimed_in - {submission.transaction_hash})
                self.watch.wake([replace(submission, transaction_hash=one) for one in others])

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
                is_past, now = _is_past(intent, indexed), self._now(indexed)
                return _absent(intent, submission, last, is_past=is_past, now=now)
            verdicts = verify(
                intent, evidence.seen, evidence.rulebook, evidence.heights, needed=needed
            )
            outcome = claimed(
                intent,
                verdicts,
                self.store,
                stands=lambda place: self._paying(intent, place, facts),
                kept=self._kept(intent, evidence),
                binds=binds,
            )
            later = _became(intent, outcome.verdict, facts, indexed)
        return _mined(intent, evidence, outcome, indexed, later)

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

    def _paying(self, intent: PaymentIntent, place: Place, facts: PaymentFacts) -> Paying | None:
        """Where what the order claimed before is on the chain, if it pays it still."""
        tx_hash = place.transaction_hash
        last = self.store.last_verdict(Submission(intent.intent_id, tx_hash))
        hint = None if last is None else last.block_number
        evidence = gather(intent, tx_hash, facts, self.node, hint=hint)
        if evidence is None:
            return None
        verdicts = verify(
            intent, evidence.seen, evidence.rulebook, evidence.heights, needed=Level.RECEIVED
        )
        level = level_of(evidence.seen.block.number, evidence.heights)
        is_final = evidence.seen.source is Source.FACTS and level is Level.FINAL
        found = (one for one in verdicts if one.place == place and is_payment(one))
        return next((Paying(at=one.at, is_final=is_final) for one in found), None)

    def _now(self, indexed: Heights | None) -> Timestamp:
        """The newest block time; that of the index where the node does not answer."""
        by_index = 0 if indexed is None else indexed.head.timestamp
        try:
            by_node = 0 if self.node is None else self.node.heights().head.timestamp
        except ChainUnavailable:
            by_node = 0
        return Timestamp(max(by_index, by_node))


@dataclass(frozen=True, slots=True)
class _Became:
    """What became of a payment later, by the index."""

    is_refunded: bool
    is_given_up: bool


def _became(
    intent: PaymentIntent, verdict: Verdict, facts: PaymentFacts, indexed: Heights | None
) -> _Became:
    """What is said of a payment that is final rests on final blocks alone, its refund's too."""
    paid = verdict.paid
    if paid is None:
        return _Became(is_refunded=False, is_given_up=False)
    refunded, ticket_id = facts.refunded_in(intent, paid.payer), paid.ticket_id
    is_open = not _is_covered(verdict.seen.block.number, indexed)
    return _Became(
        is_refunded=refunded is not None and (is_open or _is_covered(refunded, indexed)),
        is_given_up=ticket_id is not None and facts.is_given_up(ticket_id, paid.payer),
    )


def _mined(
    intent: PaymentIntent,
    evidence: Evidence,
    outcome: Claimed,
    indexed: Heights | None,
    later: _Became,
) -> Look:
    seen, verdict = evidence.seen, outcome.verdict
    is_past = _is_past(intent, indexed)
    standing = standing_of_mined(
        level_of(seen.block.number, evidence.heights),
        is_verified=is_payment(verdict),
        is_canonical=Check.BLOCK not in verdict.failed,
        source=seen.source,
        is_ruled_out=is_past and _is_covered(seen.block.number, indexed),
    )
    rival = outcome.rival
    if rival is not None and not (is_past or rival.is_final):
        standing = replace(standing, is_terminal=False)  # the other log may still go
    newest = evidence.heights.head.timestamp
    return Look(
        intent=intent,
        transaction_hash=seen.transaction_hash,
        verdict=verdict,
        standing=standing,
        ruling=ruling(
            verdict,
            asked=intent.amount,
            is_duplicate=rival is not None,
            is_refunded=later.is_refunded,
            is_given_up=later.is_given_up,
        ),
        claim=outcome.place,
        rival=rival,
        confirmations=confirmations(seen.block.number, evidence.heights),
        reason=_reason(verdict),
        now=newest if indexed is None else max(newest, indexed.head.timestamp),
        is_past=is_past,
    )


def _is_past(intent: PaymentIntent, indexed: Heights | None) -> bool:
    """Whether no later block can have a payment in time, by the index."""
    return indexed is not None and is_over(intent.until, indexed)


def _is_covered(number: BlockNumber, indexed: Heights | None) -> bool:
    """Whether the index is final at this height."""
    final = None if indexed is None else indexed.finalized
    return final is not None and number <= final.number


def _absent(
    intent: PaymentIntent,
    submission: Submission,
    last: RecordedVerdict | None,
    *,
    is_past: bool,
    now: Timestamp,
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
        rival=None,
        confirmations=0,
        reason=reason,
        now=now,
        is_past=is_past,
    )


def _next_look(found: Look, since: Timestamp | None) -> NextLook:
    """When to look again at what is not at its end."""
    seen = None if found.verdict is None else found.verdict.seen
    seen_in = None
    if seen is not None and seen.is_canonical:
        is_indexed = seen.source is Source.FACTS
        seen_in = SeenIn(number=seen.block.number, hash=seen.block.hash, is_indexed=is_indexed)
    return next_look(
        found.standing.state,
        seen_in,
        since=since,
        now=found.now,
        until=found.intent.until,
        waits_for=None if found.rival is None else BlockNumber(found.rival.at[0]),
        is_past=found.is_past,
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
