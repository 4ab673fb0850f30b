"""The one verifier: an intent and the evidence of one transaction → verdicts.

Every check is made and every failed one is named; a check that rests on something that is missing
is `unknown`, which is not passed. The evidence may come from the index or from a node: the same
function judges both.

The payer is what the event says. Who sent the transaction is not even in the evidence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.evm import Address, Hash32
from settlement.payments.decoding import Value
from settlement.payments.evidence import Heights, LogSeen, TransactionSeen
from settlement.payments.families import AssetSource
from settlement.payments.fees import fee_of
from settlement.payments.intent import PaymentIntent
from settlement.payments.legs import legs
from settlement.payments.naming import Misread, Payment, Place, candidates
from settlement.payments.paid import Paid, asset_of, paid_of, units_of
from settlement.payments.rulebook import LogPlace, Rulebook
from settlement.payments.states import Level, level_of


class Check(StrEnum):
    """What is checked, in this order."""

    CHAIN = "chain_id"
    RECEIPT = "receipt_status"
    BLOCK = "canonical_block"
    FINALITY = "finality"
    DEADLINE = "deadline"
    EVENT = "event"
    EMITTER = "emitter"
    ORDER = "order_id"
    PAYER = "payer"
    PAYEE = "payee"
    SUBJECT = "subject"
    TIER = "tier_id"
    ASSET = "asset"
    AMOUNT = "amount"
    PRICE = "price"
    FEE = "fee"
    FEE_TERMS = "fee_terms"
    CLAIM = "claim"


class Result(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, with what was expected and what was there."""

    check: Check
    result: Result
    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the checks say of one log, or of a transaction that has no log to judge.

    `paid` is what the event says, whether or not it is what was asked for. It and the log's `place`
    are None where no event could be read.
    """

    intent_id: Hash32
    seen: TransactionSeen
    place: Place | None
    log_index: int | None
    paid: Paid | None
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """Every check that did not pass."""
        return tuple(one.check for one in self.findings if one.result is not Result.PASSED)

    @property
    def is_verified(self) -> bool:
        """Whether every check passed."""
        return not self.failed

    @property
    def at(self) -> LogPlace:
        """Where on the chain the log is; before all of them without one."""
        return self.seen.block.number, -1 if self.log_index is None else self.log_index

    def with_finding(self, finding: Finding) -> "Verdict":
        """The same verdict with one more check."""
        return replace(self, findings=(*self.findings, finding))


def verify(
    intent: PaymentIntent,
    seen: TransactionSeen,
    rulebook: Rulebook,
    heights: Heights,
    *,
    needed: Level,
) -> tuple[Verdict, ...]:
    """Judge every log of a transaction that might pay an intent, the best one first.

    Args:
        intent: what was asked for.
        seen: the transaction, as a source shows it.
        rulebook: what was in force, up to the transaction's block at least.
        heights: how far the chain of that source is.
        needed: how final the block must be.

    Returns:
        At least one verdict; verdicts with fewer failed checks first, then in order of logs.
    """
    is_transfer = intent.family.asset is AssetSource.EMITTER
    of_others = legs(seen, rulebook) if is_transfer else frozenset()
    verdicts = [
        _verdict(
            intent,
            seen,
            rulebook,
            tuple(_of_transaction(intent, seen, heights, needed, candidate.log)),
            candidate,
            is_leg=candidate.log.log_index in of_others,
        )
        for candidate in candidates(intent.family, seen)
    ]
    if not verdicts:
        findings = (*_of_transaction(intent, seen, heights, needed), *_nothing(intent))
        return (_empty(intent, seen, findings),)
    return tuple(sorted(verdicts, key=lambda one: (len(one.failed), one.log_index)))


def _verdict(
    intent: PaymentIntent,
    seen: TransactionSeen,
    rulebook: Rulebook,
    about: tuple[Finding, ...],
    candidate: Payment | Misread,
    *,
    is_leg: bool,
) -> Verdict:
    """Judge one log; `about` are the findings about its transaction."""
    log, signature = candidate.log, intent.family.event.signature
    emitter = _emitter(intent, seen, rulebook, log)
    if isinstance(candidate, Misread):
        unread = _finding(Check.EVENT, signature, candidate.reason, is_good=False)
        found = (*about, unread, emitter, *_unknown(intent))
        return replace(_empty(intent, seen, found), log_index=log.log_index)
    values = candidate.values
    read = _finding(Check.EVENT, signature, "so declared", is_good=True)
    findings = (
        *(*about, read, emitter),
        *_of_values(intent, values, log.address),
        *_of_terms(intent, values, rulebook, (seen.block.number, log.log_index)),
        *([_LEG] if is_leg else []),
    )
    return Verdict(
        intent_id=intent.intent_id,
        seen=seen,
        place=candidate.place,
        log_index=log.log_index,
        paid=paid_of(intent.family, values, log.address),
        findings=findings,
    )


_LEG = Finding(
    Check.CLAIM,
    Result.FAILED,
    "a transfer by itself",
    "what a payment through our contracts, or its refund, has moved",
)


def _empty(intent: PaymentIntent, seen: TransactionSeen, findings: Sequence[Finding]) -> Verdict:
    return Verdict(
        intent_id=intent.intent_id,
        seen=seen,
        place=None,
        log_index=None,
        paid=None,
        findings=tuple(findings),
    )


def _of_transaction(
    intent: PaymentIntent,
    seen: TransactionSeen,
    heights: Heights,
    needed: Level,
    log: LogSeen | None = None,
) -> Iterator[Finding]:
    block = seen.block
    level = level_of(block.number, heights)
    is_removed = log is not None and log.is_removed
    yield _equal(Check.CHAIN, intent.chain_id, seen.chain_id)
    yield _finding(
        Check.RECEIPT,
        "success",
        "success" if seen.is_success else "failed",
        is_good=seen.is_success,
    )
    actual = "log removed" if is_removed else "on it" if seen.is_canonical else "replaced"
    yield _finding(
        Check.BLOCK,
        f"block {block.number} {block.hash} on the chain",
        actual,
        is_good=seen.is_canonical and not is_removed,
    )
    yield _finding(
        Check.FINALITY,
        f"{needed.name.lower()} at least",
        level.name.lower(),
        is_good=level >= needed,
    )
    yield _finding(
        Check.DEADLINE,
        f"from {intent.since}, before {intent.until}",
        str(block.timestamp),
        is_good=intent.since <= block.timestamp < intent.until,
    )


def _emitter(
    intent: PaymentIntent, seen: TransactionSeen, rulebook: Rulebook, log: LogSeen
) -> Finding:
    """Ours at that block, and the one that the intent names; which token, the asset check says."""
    name = intent.family.event.contract
    is_ours = rulebook.is_allowed(name, log.address, seen.block.number)
    return _finding(
        Check.EMITTER,
        f"{name.value} {intent.contract}",
        f"{log.address}" if is_ours else f"{log.address}, no {name.value} of ours",
        is_good=is_ours
        and (log.address == intent.contract or intent.family.asset is AssetSource.EMITTER),
    )


def _of_values(
    intent: PaymentIntent, values: Mapping[str, Value], emitter: Address
) -> Iterator[Finding]:
    family = intent.family
    if family.order is not None:
        yield _equal(Check.ORDER, intent.order_id, values[family.order])
    if intent.payer is not None:
        yield _equal(Check.PAYER, intent.payer, values[family.payer])
    yield _equal(Check.PAYEE, intent.payee, values[family.payee])
    if family.subject is not None:
        yield _equal(Check.SUBJECT, intent.subject, values[family.subject])
    if family.tier is not None:
        yield _equal(Check.TIER, intent.tier_id, values[family.tier])
    yield _equal(Check.ASSET, intent.asset, asset_of(family, values, emitter))
    yield _equal(Check.AMOUNT, intent.amount, values[family.amount])


def _of_terms(
    intent: PaymentIntent,
    values: Mapping[str, Value],
    rulebook: Rulebook,
    at: LogPlace,
) -> Iterator[Finding]:
    """Price and fee, by what was in force for the intent's contract just before the log."""
    family = intent.family
    amount = units_of(values[family.amount])
    subject, tier_id = intent.subject, intent.tier_id
    if family.price_list is not None and subject is not None and tier_id is not None:
        price = rulebook.price_at(intent.contract, at, subject=subject, tier_id=tier_id)
        yield _equal_to_known(Check.PRICE, price, amount)
    if family.fee is None:
        return
    terms = rulebook.fee_terms_at(intent.contract, at)
    expected = None if terms is None else fee_of(amount, terms)
    yield _equal_to_known(Check.FEE, expected, values[family.fee])
    if intent.fee_terms is not None:
        yield _equal_to_known(Check.FEE_TERMS, intent.fee_terms, terms)


def _nothing(intent: PaymentIntent) -> Iterator[Finding]:
    """A transaction without one log that begins with the event's topic."""
    spec = intent.family.event
    yield _finding(Check.EVENT, spec.signature, "no such log", is_good=False)
    yield Finding(Check.EMITTER, Result.UNKNOWN, f"{spec.contract.value} {intent.contract}", "")
    yield from _unknown(intent)


def _unknown(intent: PaymentIntent) -> Iterator[Finding]:
    """The checks that need the event's values, none of which can be made."""
    family = intent.family
    expected: dict[Check, object | None] = {
        Check.ORDER: intent.order_id,
        Check.PAYER: intent.payer,
        Check.PAYEE: intent.payee,
        Check.SUBJECT: intent.subject,
        Check.TIER: intent.tier_id,
        Check.ASSET: intent.asset,
        Check.AMOUNT: intent.amount,
        Check.PRICE: None if family.price_list is None else "as in force",
        Check.FEE: None if family.fee is None else "by the terms in force",
        Check.FEE_TERMS: intent.fee_terms,
    }
    for check, value in expected.items():
        if value is not None:
            yield Finding(check, Result.UNKNOWN, str(value), "")


def _equal(check: Check, expected: object, actual: object) -> Finding:
    return _finding(check, str(expected), str(actual), is_good=expected == actual)


def _equal_to_known(check: Check, expected: object | None, actual: object | None) -> Finding:
    """Unknown where the rulebook does not say what must be compared."""
    if expected is None or actual is None:
        return Finding(check, Result.UNKNOWN, _text(expected), _text(actual))
    return _equal(check, expected, actual)


def _text(value: object | None) -> str:
    return "nothing in force" if value is None else str(value)


def _finding(check: Check, expected: str, actual: str, *, is_good: bool) -> Finding:
    return Finding(check, Result.PASSED if is_good else Result.FAILED, expected, actual)
