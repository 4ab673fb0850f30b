"""The parts of an explanation: one subscriber's fee, and the split of what a work earned.

Each step is computed anew, and compared with what the ruleset computed: the weights and the units
of every row, the unallocated rest, and the lines of every leaf. So a rule that changes without its
steps is seen, and never explained wrongly.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from contracts.batches import SubscribedColumns
from contracts.evm import ZERO_ADDRESS, Address, Hash32
from contracts.leaves import SPLIT_LINES_MAX, Leaf, SplitLine
from contracts.units import PPM_ONE, BaseUnits, mul_div_down
from settlement.errors import UnknownName
from settlement.royalties.allotment import Allotment, Portion, allotment
from settlement.royalties.derivation_steps import (
    Fate,
    PayeePart,
    Payment,
    Sources,
    SplitSteps,
    SubscriberPart,
    UsageStep,
)
from settlement.royalties.distribution import Credit, SubscriberAllocation
from settlement.royalties.errors import ExplanationDiffers
from settlement.royalties.parameters import Parameters

EXPLAINED = ("usercentric-v1",)
"""The rulesets whose steps these are."""


def play_sums(parameters: Parameters, plays: Iterable[int]) -> list[int]:
    """Sums of the series 10¹² / (10⁶ + k·(j - 1)): place n is of plays 1 to n, place 0 is zero.

    It reaches as far as the most plays that count.

    Raises:
        UnknownName: the ruleset's steps are not known here.
    """
    if parameters.ruleset not in EXPLAINED:
        raise UnknownName("explained ruleset", parameters.ruleset, EXPLAINED)
    most = max((_counted(count, parameters) for count in plays), default=0)
    terms = (
        mul_div_down(PPM_ONE, PPM_ONE, PPM_ONE + parameters.k_ppm * earlier)
        for earlier in range(most)
    )
    return list(accumulate(terms, initial=0))


def payments_by_subscriber(
    columns: SubscribedColumns, asset: Address, sources: Sources
) -> dict[Address, tuple[Payment, ...]]:
    """What was paid in one asset, by subscriber, in chain order."""
    found: dict[Address, tuple[Payment, ...]] = {}
    for row in range(len(columns)):
        if columns.asset[row] != asset:
            continue
        payment = Payment(
            event=sources.event(columns.block_number[row], columns.log_index[row]),
            tier_id=columns.tier_id[row],
            payer=columns.payer[row],
            amount=columns.amount[row],
        )
        subscriber = columns.subscriber[row]
        found[subscriber] = (*found.get(subscriber, ()), payment)
    return found


def explain_subscriber(
    share: SubscriberAllocation,
    payments: Sequence[Payment],
    *,
    work_id: Hash32,
    sources: Sources,
) -> SubscriberPart:
    """What one subscriber's fee gave to a work.

    Raises:
        ExplanationDiffers: the steps do not lead to what was computed.
    """
    who = f"subscriber {share.subscriber}"
    _agree(f"{who}: fee", sum(payment.amount for payment in payments), share.fee)
    raw_sum = sum(credit.raw for credit in share.credits)
    counted_sum = sum(credit.counted for credit in share.credits)
    earns = raw_sum > 0 and counted_sum > 0
    target = mul_div_down(share.fee, counted_sum, raw_sum) if earns else 0
    shared = allotment(target, [credit.counted for credit in share.credits]) if earns else None
    portions = shared.portions if shared else [None] * len(share.credits)
    rows = tuple(
        _usage_step(credit, portion, sources)
        for credit, portion in zip(share.credits, portions, strict=True)
    )
    credited = sum(row.credited for row in rows)
    _agree(f"{who}: unallocated", share.fee - credited, share.unallocated)
    return SubscriberPart(
        subscriber=share.subscriber,
        payments=tuple(payments),
        fee=share.fee,
        raw_sum=raw_sum,
        counted_sum=counted_sum,
        target=target,
        dust=shared.dust if shared else 0,
        unallocated=share.unallocated,
        rows=rows,
        credited=BaseUnits(sum(row.credited for row in rows if row.work_id == work_id)),
    )


def never_paid(asset: Address, payouts: Address) -> frozenset[Address]:
    """Payees that no token pays, or that would send money back where it came from."""
    return frozenset({ZERO_ADDRESS, asset, payouts})


def explain_split(
    amount: BaseUnits,
    leaves: Sequence[Leaf],
    *,
    work_id: Hash32,
    never_paid: frozenset[Address],
    sources: Sources,
) -> SplitSteps:
    """How an amount became the lines of leaves; `leaves` are of the work and asset, by part.

    Raises:
        ExplanationDiffers: the steps do not lead to these leaves.
    """
    terms = sources.terms[work_id]
    shares = sorted(zip(terms.payees, terms.shares_ppm, strict=True))
    shared = allotment(amount, [share for _, share in shares])
    payees = tuple(_payee_parts(shares, shared, never_paid))
    for leaf in leaves:
        wanted = tuple(
            SplitLine(payee=one.payee, amount=BaseUnits(one.portion.amount))
            for one in payees
            if one.part == leaf.part
        )
        _agree(f"work {work_id}: lines of part {leaf.part}", _shown(wanted), _shown(leaf.lines))
    paid = sum(one.portion.amount for one in payees if one.fate is Fate.LEAF)
    _agree(f"work {work_id}: sum of leaves", paid, sum(leaf.amount for leaf in leaves))
    return SplitSteps(
        terms=sources.event(terms.block_number, terms.log_index),
        amount=amount,
        denominator=shared.denominator,
        dust=shared.dust,
        payees=payees,
        paid=BaseUnits(paid),
    )


def _payee_parts(
    shares: Sequence[tuple[Address, int]], shared: Allotment, never_paid: frozenset[Address]
) -> Iterator[PayeePart]:
    lines = 0
    for (payee, share), portion in zip(shares, shared.portions, strict=True):
        fate = Fate.UNPAYABLE if payee in never_paid else Fate.LEAF
        if portion.amount == 0:
            fate = Fate.ZERO
        part = lines // SPLIT_LINES_MAX if fate is Fate.LEAF else None
        lines += fate is Fate.LEAF
        yield PayeePart(payee=payee, share_ppm=share, portion=portion, fate=fate, part=part)


def _usage_step(credit: Credit, portion: Portion | None, sources: Sources) -> UsageStep:
    row, parameters = credit.row, sources.parameters
    terms = sources.terms[row.work_id]
    plays = _counted(row.plays, parameters)
    discount = mul_div_down(sources.play_sums[plays], 1, plays)
    region = parameters.regions[terms.region_rule]
    raw = mul_div_down(row.minutes * terms.price_ppm * region, discount, PPM_ONE)
    verdict = sources.verdicts.get(row.work_id)
    credibility = PPM_ONE if verdict is None else 0
    counted = mul_div_down(raw, credibility, PPM_ONE)
    where = f"block {row.block_number}, log {row.log_index}, row {row.position}"
    _agree(f"{where}: price", terms.price_ppm, credit.price_ppm)
    _agree(f"{where}: region", region, credit.region_ppm)
    _agree(f"{where}: discount", discount, credit.discount_ppm)
    _agree(f"{where}: credibility", credibility, credit.credibility_ppm)
    _agree(f"{where}: raw weight", raw, credit.raw)
    _agree(f"{where}: counted weight", counted, credit.counted)
    _agree(f"{where}: credited", portion.amount if portion else 0, credit.credited)
    return UsageStep(
        event=sources.event(row.block_number, row.log_index),
        position=row.position,
        work_id=row.work_id,
        tier_id=row.tier_id,
        minutes=row.minutes,
        plays=row.plays,
        terms=sources.event(terms.block_number, terms.log_index),
        price_ppm=terms.price_ppm,
        region_rule=terms.region_rule,
        region_ppm=region,
        plays_counted=plays,
        play_sum=sources.play_sums[plays],
        discount_ppm=discount,
        verdict=verdict,
        credibility_ppm=credibility,
        raw=raw,
        counted=counted,
        portion=portion,
        credited=credit.credited,
    )


def _counted(plays: int, parameters: Parameters) -> int:
    return min(max(plays, 1), parameters.plays_max)


def _shown(lines: Sequence[SplitLine]) -> str:
    return ", ".join(f"{line.payee} {line.amount}" for line in lines)


def _agree(what: str, explained: object, computed: object) -> None:
    if explained != computed:
        raise ExplanationDiffers(what, explained=explained, computed=computed)
