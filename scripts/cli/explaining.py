"""An explanation as text that a creator can check on paper: every line is one calculation."""

from collections.abc import Iterator, Sequence

from api.schemas.explanations import (
    EscrowExplanationOut,
    ExplanationOut,
    FeeExplanationOut,
)
from settlement.royalties.allotment import Portion
from settlement.royalties.derivation_steps import (
    AnyExplanation,
    ChargedSubscriber,
    EscrowExplanation,
    EventId,
    Explained,
    Explanation,
    Fate,
    FeeExplanation,
    ListSteps,
    PayeePart,
    Payment,
    SplitSteps,
    SubscriberPart,
    UsageStep,
)


def explanation_out(
    explained: AnyExplanation,
) -> ExplanationOut | FeeExplanationOut | EscrowExplanationOut:
    """The same as a document."""
    if isinstance(explained, FeeExplanation):
        return FeeExplanationOut.model_validate(explained)
    if isinstance(explained, EscrowExplanation):
        return EscrowExplanationOut.model_validate(explained)
    return ExplanationOut.model_validate(explained)


def explanation_lines(explained: AnyExplanation) -> Iterator[str]:
    """The whole derivation, indented; every `/` rounds down."""
    if isinstance(explained, FeeExplanation):
        return _fees(explained)
    if isinstance(explained, EscrowExplanation):
        return _escrow(explained)
    return _work(explained)


def _heading(what: str, explained: Explained) -> Iterator[str]:
    yield f"{what} in epoch {explained.epoch}, attempt {explained.attempt}"
    yield f"Asset {explained.asset}, base units; every / rounds down"
    yield f"Manifest {explained.manifest_digest}"
    yield f"Root {explained.root}"


def _work(explained: Explanation) -> Iterator[str]:
    yield from _heading(f"Work {explained.work_id}", explained)
    yield (
        f"Ruleset {explained.ruleset}, k {explained.k_ppm} ppm, at most {explained.plays_max} "
        f"plays count: {_event(explained.parameters)}"
    )
    yield "Discount of n plays: the sum of 10^12 / (10^6 + k · (j - 1)) for j = 1 to n, / n"
    if explained.has_half_life:
        yield "Half-life v1: 0.1 + 0.9 · (4/9)^(age / 120), age in twelfths of a year"
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
    yield from _indented(_payments(part.payments))
    for one in part.charged:
        yield f"  {one.name} = {part.fee} · {one.rate_ppm} / 10^6 = {one.amount}, to {one.payee}"
    if part.charged:
        taken = " - ".join(str(one.amount) for one in part.charged)
        yield f"  shareable = {part.fee} - {taken} = {part.shareable}"
    for number, row in enumerate(part.rows, start=1):
        yield from _indented(_row(number, row, explained))
    yield f"  sum of raw = {_sum(row.raw for row in part.rows)}"
    yield f"  sum of counted = {_sum(row.counted for row in part.rows)}"
    if part.target or part.counted_sum:
        yield f"  target = {part.shareable} · {part.counted_sum} / {part.raw_sum} = {part.target}"
    else:
        yield "  target = 0: no row has weight"
    yield f"  {_left(part.dust)}"
    for number, row in enumerate(part.rows, start=1):
        if row.portion is not None:
            share = _portion(row.portion, part.target, row.counted, part.counted_sum)
            yield f"  row {number}: {share}"
    credited = sum(row.credited for row in part.rows)
    yield f"  unallocated = {part.shareable} - {credited} = {part.unallocated}"
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
        f"  weight = {row.minutes} · {row.price_ppm} · {row.region_ppm} · {row.discount_ppm} / 10^6"
        f" = {row.undecayed}"
    )
    if row.age_steps is None:
        yield f"  raw = {row.raw}"
    else:
        yield f"  age {row.age_steps}, registered at {row.registered_at}: {row.factor_ppm} ppm"
        yield f"  raw = {row.undecayed} · {row.factor_ppm} / 10^6 = {row.raw}"
    yield f"  counted = {row.raw} · {row.credibility_ppm} / 10^6 = {row.counted}"


def _payments(payments: Sequence[Payment]) -> Iterator[str]:
    for payment in payments:
        yield f"paid {payment.amount} for tier {payment.tier_id}"
        yield f"  by {payment.payer}: {_event(payment.event)}"
    yield f"fee = {_sum(payment.amount for payment in payments)}"


def _split(split: SplitSteps) -> Iterator[str]:
    if split.escrow_id is not None:
        yield f"nobody has adopted the work: {_event(split.terms)}"
        yield f"escrowed under {split.escrow_id}: {split.escrowed}"
        return
    if split.shared is None:
        yield f"terms in force: {_event(split.terms)}"
    else:
        yield from _list(split.shared)
    for line in split.lines:
        yield f"line of {line.payee}: {line.amount}, leaf part {line.part}"
    yield f"leaves = {_sum(line.amount for line in split.lines)}"
    for one in split.suspended:
        yield f"suspended, {one.reason}, place {one.position} of the terms: {one.amount}"


def _list(steps: ListSteps) -> Iterator[str]:
    yield f"terms in force: {_event(steps.terms)}"
    yield _left(steps.dust)
    for payee in steps.payees:
        share = _portion(payee.portion, steps.amount, payee.share_ppm, steps.denominator)
        yield f"{payee.payee}: {share}, {_fate(payee)}"
        if payee.shared_on is not None:
            yield from _indented(_list(payee.shared_on))


def _fees(explained: FeeExplanation) -> Iterator[str]:
    yield from _heading("Fees", explained)
    yield f"Parameters: {_event(explained.parameters)}"
    rates = [entry.rate_ppm for entry in explained.entries]
    for one in explained.subscribers:
        yield ""
        yield from _indented(_charged(one, rates))
    yield ""
    for entry in explained.entries:
        fate = "paid" if entry.is_paid else "cannot be paid: unallocated"
        yield f"{entry.name}, {entry.rate_ppm} ppm, {entry.payee}: {entry.amount}, {fate}"
    for line in explained.lines:
        yield f"line of {line.payee}: {line.amount}, leaf part {line.part}"
    yield f"leaf = {_sum(line.amount for line in explained.lines)}"


def _charged(one: ChargedSubscriber, rates: Sequence[int]) -> Iterator[str]:
    yield f"Subscriber {one.subscriber}"
    yield from _indented(_payments(one.payments))
    for rate, amount in zip(rates, one.charged, strict=True):
        yield f"  {one.fee} · {rate} / 10^6 = {amount}"


def _escrow(explained: EscrowExplanation) -> Iterator[str]:
    yield from _heading(f"Escrow {explained.escrow_id}", explained)
    yield f"Content {explained.content_id}"
    for one in explained.works:
        yield f"  work {one.work_id} earned {one.amount}: {_event(one.terms)}"
    yield f"leaf = {_sum(one.amount for one in explained.works)}"


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
    if payee.fate is Fate.SUSPENSE:
        return f"{payee.reason}: suspended"
    says = {Fate.LEAF: "paid", Fate.ZERO: "nothing to pay", Fate.SPLIT: "a split account:"}
    return says[payee.fate]


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
