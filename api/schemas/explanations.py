"""The derivation of an amount, from events to units; also what `quittance epoch explain` prints.

The models are read from the records of `settlement.royalties.derivation_steps`, which say what each
number is.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, WithJsonSchema

from api.fields import AddressOut, AmountOut, HashOut
from api.schemas.envelope import Page
from api.schemas.epochs import QuarantineCount
from settlement.royalties.derivation_steps import Fate

ExactOut = Annotated[
    int,
    PlainValidator(int),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(0|[1-9][0-9]*)$",
            "description": "an exact whole number of any size, as a decimal string",
        }
    ),
]


class _OfRecord(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class EventOut(_OfRecord):
    """One log."""

    chain_id: int
    block_number: int
    block_hash: HashOut
    log_index: int


class PortionOut(_OfRecord):
    """One share of a total: product = total · weight = floor · denominator + remainder.

    The share is floor + extra; the first `dust` ranks (largest remainders) have the extra unit.
    """

    product: ExactOut
    floor: ExactOut
    remainder: ExactOut
    rank: int
    extra: int
    amount: AmountOut


class PaymentOut(_OfRecord):
    """A `Subscribed` event."""

    event: EventOut
    tier_id: HashOut
    payer: AddressOut
    amount: AmountOut


class UsageStepOut(_OfRecord):
    """One row of a `ConsumptionSubmitted` event, `position` in its arrays, and what it earned.

    discount_ppm = play_sum / plays_counted; raw = minutes · price_ppm · region_ppm · discount_ppm
    / 10⁶; counted = raw · credibility_ppm / 10⁶, each rounded down. `terms` is the `WorkTermsSet`
    in force; `verdict` the `VerdictPlaced` that makes credibility zero. `portion` shares `target`
    by `counted`, over `counted_sum`.
    """

    event: EventOut
    position: int
    work_id: HashOut
    tier_id: HashOut
    minutes: ExactOut
    plays: ExactOut
    terms: EventOut
    price_ppm: ExactOut
    region_rule: HashOut
    region_ppm: ExactOut
    plays_counted: ExactOut
    play_sum: ExactOut
    discount_ppm: ExactOut
    verdict: EventOut | None
    credibility_ppm: ExactOut
    raw: ExactOut
    counted: ExactOut
    portion: PortionOut | None
    credited: AmountOut


class SubscriberPartOut(_OfRecord):
    """What one subscriber's fee gave to the work; `rows` are all rows of the subscriber.

    target = fee · counted_sum / raw_sum, rounded down; Σ credited + unallocated = fee.
    """

    subscriber: AddressOut
    payments: list[PaymentOut]
    fee: AmountOut
    raw_sum: ExactOut
    counted_sum: ExactOut
    target: AmountOut
    dust: int
    unallocated: AmountOut
    rows: list[UsageStepOut]
    credited: AmountOut


class PayeePartOut(_OfRecord):
    """One payee's part; `part` names the leaf that holds its line."""

    payee: AddressOut
    share_ppm: ExactOut
    portion: PortionOut
    fate: Fate
    part: int | None


class SplitOut(_OfRecord):
    """What the work earned, shared among the payees of the terms in force.

    `paid` is the sum of the leaves; the rest is of payees that cannot be paid.
    """

    terms: EventOut
    amount: AmountOut
    denominator: ExactOut
    dust: int
    payees: list[PayeePartOut]
    paid: AmountOut


class ExplanationOut(_OfRecord):
    """The whole derivation of what a work earned in one asset: Σ credited = split.amount."""

    epoch: int
    attempt: int
    manifest_digest: HashOut
    root: HashOut
    asset: AddressOut
    work_id: HashOut
    ruleset: str
    k_ppm: ExactOut
    plays_max: ExactOut
    parameters: EventOut
    subscribers: list[SubscriberPartOut]
    split: SplitOut


class ExplanationAnswer(Page):
    """Why an account earned its part of a work, a page of subscribers at a time.

    `amount` is the account's, as in `split`. `credited_before` sums the subscribers of earlier
    pages, so that with those of this page (and of all that follow) it gives `split.amount`.
    `left_out` counts rows of the work that were quarantined.
    """

    account: AddressOut
    amount: AmountOut
    epoch: int
    attempt: int
    manifest_digest: HashOut
    root: HashOut
    asset: AddressOut
    work_id: HashOut
    ruleset: str
    k_ppm: ExactOut
    plays_max: ExactOut
    parameters: EventOut
    split: SplitOut
    subscriber_count: int
    credited_before: AmountOut
    subscribers: list[SubscriberPartOut]
    left_out: list[QuarantineCount]
