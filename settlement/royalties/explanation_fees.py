"""What each fee takes of what each subscriber paid in one asset, and the lines it comes to."""

from collections.abc import Iterator, Mapping, Sequence

from contracts.evm import Address
from contracts.units import PPM_ONE, BaseUnits, mul_div_down
from settlement.royalties.derivation_steps import (
    ChargedSubscriber,
    FeePart,
    PaidLine,
    Payment,
    Sources,
)
from settlement.royalties.distribution import SubscriberAllocation
from settlement.royalties.errors import agree
from settlement.royalties.explanation_splits import paid_lines
from settlement.royalties.resolution import never_paid_in


def charged_subscribers(
    shares: Sequence[SubscriberAllocation],
    payments: Mapping[Address, Sequence[Payment]],
    sources: Sources,
) -> Iterator[ChargedSubscriber]:
    """Every subscriber who paid in the asset, ascending.

    Raises:
        ExplanationDiffers: the steps do not lead to what was computed.
    """
    rates = [entry.rate_ppm for entry in sources.parameters.fees]
    for share in shares:
        who, paid = f"subscriber {share.subscriber}", payments.get(share.subscriber, ())
        agree(f"{who}: fee", sum(payment.amount for payment in paid), share.fee)
        charged = tuple(BaseUnits(mul_div_down(share.fee, rate, PPM_ONE)) for rate in rates)
        agree(f"{who}: charged", charged, share.charged)
        yield ChargedSubscriber(
            subscriber=share.subscriber, payments=tuple(paid), fee=share.fee, charged=charged
        )


def fee_parts(
    subscribers: Sequence[ChargedSubscriber], asset: Address, sources: Sources
) -> Iterator[FeePart]:
    """Every entry of the parameters, with what it takes of all subscribers."""
    unpaid = never_paid_in(asset, sources.scope) | sources.accounts.keys()
    for place, entry in enumerate(sources.parameters.fees):
        yield FeePart(
            name=entry.name,
            payee=entry.payee,
            rate_ppm=entry.rate_ppm,
            amount=BaseUnits(sum(one.charged[place] for one in subscribers)),
            is_paid=entry.payee not in unpaid,
        )


def fee_lines_of(entries: Sequence[FeePart]) -> Iterator[PaidLine]:
    """The lines of the fee leaf."""
    amounts: dict[Address, int] = {}
    for entry in entries:
        if entry.is_paid and entry.amount > 0:
            amounts[entry.payee] = amounts.get(entry.payee, 0) + entry.amount
    yield from paid_lines(amounts)
