"""An explanation as text that a creator can check on paper: every line is one calculation."""

from collections.abc import Iterator

from settlement.royalties.allotment import Portion
from settlement.royalties.derivation_steps import (
    EventId,
    Explanation,
    Fate,
    PayeePart,
    SplitSteps,
    SubscriberPart,
    UsageStep,
)


def explanation_lines(explained: Explanation) -> Iterator[str]:
    """The whole derivation, indented; every `/` rounds down."""
    yield f"Work {explained.work_id} in epoch {explained.epoch}, attempt {explained.attempt}"
    yield f"Asset {explained.asset}, base units; every / rounds down"
    yield f"Manifest {explained.manifest_digest}"
    yield f"Root {explained.root}"
    yield (
        f"Ruleset {explained.ruleset}, k {explained.k_ppm} ppm, at most {explained.plays_max} "
        f"plays count: {_event(explained.parameters)}"
    )
    yield "Discount of n plays: the sum of 10^12 / (10^6 + k · (j - 1)) for j = 1 to n, / n"
    yield ""
    yield f"1. Subscribers who used the work: {len(explained.subscribers)}"
    for part in explained.subscribers:
        yield ""
        yield from _indented(_subscriber(part, explained))
    yield ""
    yield f"2. Earned: {_sum(part.credited for part in explained.subscribers)}"
    yield ""
    yield "3. Split among the payees"
    yield from _indented(_split(explained.split))


def _subscriber(part: SubscriberPart, explained: Explanation) -> Iterator[str]:
    yield f"Subscriber {part.subscriber}"
    for payment in part.payments:
        yield f"  paid {payment.amount} for tier {payment.tier_id}"
        yield f"    by {payment.payer}: {_event(payment.event)}"
    yield f"  fee = {_sum(payment.amount for payment in part.payments)}"
    for number, row in enumerate(part.rows, start=1):
        yield from _indented(_row(number, row, explained))
    yield f"  sum of raw = {_sum(row.raw for row in part.rows)}"
    yield f"  sum of counted = {_sum(row.counted for row in part.rows)}"
    if part.target or part.counted_sum:
        yield f"  target = {part.fee} · {part.counted_sum} / {part.raw_sum} = {part.target}"
    else:
        yield "  target = 0: no row has weight"
    yield f"  {_left(part.dust)}"
    for number, row in enumerate(part.rows, start=1):
        if row.portion is not None:
            share = _portion(row.portion, part.target, row.counted, part.counted_sum)
            yield f"  row {number}: {share}"
    credited = sum(row.credited for row in part.rows)
    yield f"  unallocated = {part.fee} - {credited} = {part.unallocated}"
    yield f"  to this work: {part.credited}"


def _row(number: int, row: UsageStep, explained: Explanation) -> Iterator[str]:
    whose = "this work" if row.work_id == explained.work_id else f"work {row.work_id}"
    yield f"row {number}: {whose}, {row.minutes} minutes, {row.plays} plays"
    yield f"  place {row.position} of {_event(row.event)}"
    yield f"  price {row.price_ppm} ppm, region {row.region_ppm} ppm: {_event(row.terms)}"
    yield f"  discount = {row.play_sum} / {row.plays_counted} plays = {row.discount_ppm} ppm"
    if row.verdict is not None:
        yield f"  credibility 0, a verdict stands: {_event(row.verdict)}"
    yield (
        f"  raw = {row.minutes} · {row.price_ppm} · {row.region_ppm} · {row.discount_ppm} / 10^6"
        f" = {row.raw}"
    )
    yield f"  counted = {row.raw} · {row.credibility_ppm} / 10^6 = {row.counted}"


def _split(split: SplitSteps) -> Iterator[str]:
    yield f"terms in force: {_event(split.terms)}"
    yield _left(split.dust)
    for payee in split.payees:
        share = _portion(payee.portion, split.amount, payee.share_ppm, split.denominator)
        yield f"{payee.payee}: {share}, {_fate(payee)}"
    paid = [one.portion.amount for one in split.payees if one.fate is Fate.LEAF]
    yield f"leaves = {_sum(paid)}"


def _portion(portion: Portion, total: int, weight: int, denominator: int) -> str:
    return (
        f"{total} · {weight} / {denominator} = {portion.floor} remainder {portion.remainder}, "
        f"rank {portion.rank}, + {portion.extra} = {portion.amount}"
    )


def _left(dust: int) -> str:
    if dust == 0:
        return "rounding down leaves nothing"
    ranks = "rank 1" if dust == 1 else f"ranks 1 to {dust}, one each"
    return f"rounding down leaves {dust}: to {ranks}"


def _fate(payee: PayeePart) -> str:
    if payee.fate is Fate.LEAF:
        return f"leaf part {payee.part}"
    return "nothing to pay" if payee.fate is Fate.ZERO else "cannot be paid: unallocated"


def _event(event: EventId) -> str:
    return (
        f"chain {event.chain_id}, block {event.block_number} {event.block_hash}, "
        f"log {event.log_index}"
    )


def _sum(amounts: Iterator[int] | list[int]) -> str:
    """The sum with its terms."""
    terms = list(amounts)
    if len(terms) <= 1:
        return str(sum(terms))
    return f"{' + '.join(str(term) for term in terms)} = {sum(terms)}"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
