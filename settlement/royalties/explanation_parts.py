"""What one subscriber's fee gave to a work, row by row.

Each step is computed anew, and compared with what the engine computed: the fees that were charged,
the weights and the units of every row, and the unallocated rest. So a rule that changes without its
steps is seen, and never explained wrongly.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from contracts.batches import SubscribedColumns
from contracts.evm import Address, Hash32, Timestamp
from contracts.units import PPM_ONE, BaseUnits, mul_div_down
from settlement.errors import UnknownName
from settlement.royalties.allotment import Portion, allotment
from settlement.royalties.derivation_steps import (
    ChargeStep,
    Payment,
    Sources,
    SubscriberPart,
    UsageStep,
)
from settlement.royalties.distribution import Credit, SubscriberAllocation
from settlement.royalties.errors import agree
from settlement.royalties.half_life import age_steps, factor_ppm
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
    agree(f"{who}: fee", sum(payment.amount for payment in payments), share.fee)
    charged = tuple(_charges(share, sources))
    shareable = BaseUnits(share.fee - sum(one.amount for one in charged))
    raw_sum = sum(credit.raw for credit in share.credits)
    counted_sum = sum(credit.counted for credit in share.credits)
    earns = raw_sum > 0 and counted_sum > 0
    target = mul_div_down(shareable, counted_sum, raw_sum) if earns else 0
    shared = allotment(target, [credit.counted for credit in share.credits]) if earns else None
    portions = shared.portions if shared else [None] * len(share.credits)
    rows = tuple(
        _usage_step(credit, portion, sources)
        for credit, portion in zip(share.credits, portions, strict=True)
    )
    credited = sum(row.credited for row in rows)
    agree(f"{who}: unallocated", shareable - credited, share.unallocated)
    return SubscriberPart(
        subscriber=share.subscriber,
        payments=tuple(payments),
        fee=share.fee,
        charged=charged,
        shareable=shareable,
        raw_sum=raw_sum,
        counted_sum=counted_sum,
        target=target,
        dust=shared.dust if shared else 0,
        unallocated=share.unallocated,
        rows=rows,
        credited=BaseUnits(sum(row.credited for row in rows if row.work_id == work_id)),
    )


def _charges(share: SubscriberAllocation, sources: Sources) -> Iterator[ChargeStep]:
    """Every fee of the parameters, on this subscriber's fee."""
    entries = sources.parameters.fees
    who = f"subscriber {share.subscriber}"
    agree(f"{who}: number of fees", len(entries), len(share.charged))
    for entry, charged in zip(entries, share.charged, strict=True):
        amount = BaseUnits(mul_div_down(share.fee, entry.rate_ppm, PPM_ONE))
        agree(f"{who}: fee {entry.name}", amount, charged)
        yield ChargeStep(name=entry.name, payee=entry.payee, rate_ppm=entry.rate_ppm, amount=amount)


def _usage_step(credit: Credit, portion: Portion | None, sources: Sources) -> UsageStep:
    row, parameters = credit.row, sources.parameters
    terms = sources.terms[row.work_id]
    plays = _counted(row.plays, parameters)
    discount = mul_div_down(sources.play_sums[plays], 1, plays)
    region = parameters.regions[terms.region_rule]
    undecayed = mul_div_down(row.minutes * terms.price_ppm * region, discount, PPM_ONE)
    age = _age(terms.registered_at, sources)
    factor = PPM_ONE if age is None else factor_ppm(age)
    raw = mul_div_down(undecayed, factor, PPM_ONE)
    verdict = sources.verdicts.get(row.work_id)
    credibility = PPM_ONE if verdict is None else 0
    counted = mul_div_down(raw, credibility, PPM_ONE)
    where = f"block {row.block_number}, log {row.log_index}, row {row.position}"
    agree(f"{where}: price", terms.price_ppm, credit.price_ppm)
    agree(f"{where}: region", region, credit.region_ppm)
    agree(f"{where}: discount", discount, credit.discount_ppm)
    agree(f"{where}: half-life", factor, credit.factor_ppm)
    agree(f"{where}: credibility", credibility, credit.credibility_ppm)
    agree(f"{where}: raw weight", raw, credit.raw)
    agree(f"{where}: counted weight", counted, credit.counted)
    agree(f"{where}: credited", portion.amount if portion else 0, credit.credited)
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
        undecayed=undecayed,
        registered_at=terms.registered_at,
        age_steps=age,
        factor_ppm=factor,
        verdict=verdict,
        credibility_ppm=credibility,
        raw=raw,
        counted=counted,
        portion=portion,
        credited=credit.credited,
    )


def _age(registered_at: Timestamp, sources: Sources) -> int | None:
    """The age of a work, where it counts."""
    if not sources.parameters.has_half_life:
        return None
    scope = sources.scope
    return age_steps(
        registered_at, scope.reference_at, epoch_length_seconds=scope.epoch_length_seconds
    )


def _counted(plays: int, parameters: Parameters) -> int:
    return min(max(plays, 1), parameters.plays_max)
