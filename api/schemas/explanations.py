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
from settlement.royalties.reasons import Reason

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


class ChargeOut(_OfRecord):
    """One fee on a subscriber's fee: amount = fee · rate_ppm / 10⁶, rounded down."""

    name: str
    payee: AddressOut
    rate_ppm: ExactOut
    amount: AmountOut


class UsageStepOut(_OfRecord):
    """One row of a `ConsumptionSubmitted` event, `position` in its arrays, and what it earned.

    discount_ppm = play_sum / plays_counted; undecayed = minutes · price_ppm · region_ppm ·
    discount_ppm / 10⁶; raw = undecayed · factor_ppm / 10⁶; counted = raw · credibility_ppm / 10⁶,
    each rounded down. `factor_ppm` is that of the half-life, for a work of `age_steps` twelfths of
    a year; without a half-life the age is null and the factor one. `terms` is the `WorkTermsSet`
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
    undecayed: ExactOut
    registered_at: int
    age_steps: int | None
    factor_ppm: ExactOut
    verdict: EventOut | None
    credibility_ppm: ExactOut
    raw: ExactOut
    counted: ExactOut
    portion: PortionOut | None
    credited: AmountOut


class SubscriberPartOut(_OfRecord):
    """What one subscriber's fee gave to the work; `rows` are all rows of the subscriber.

    shareable = fee - Σ charged; target = shareable · counted_sum / raw_sum, rounded down;
    Σ credited + unallocated = shareable.
    """

    subscriber: AddressOut
    payments: list[PaymentOut]
    fee: AmountOut
    charged: list[ChargeOut]
    shareable: AmountOut
    raw_sum: ExactOut
    counted_sum: ExactOut
    target: AmountOut
    dust: int
    unallocated: AmountOut
    rows: list[UsageStepOut]
    credited: AmountOut


class PayeePartOut(_OfRecord):
    """One payee's part of a list; a split account shares it on, a refused one says the reason."""

    payee: AddressOut
    share_ppm: ExactOut
    portion: PortionOut
    fate: Fate
    reason: Reason | None
    shared_on: "ListOut | None"


class ListOut(_OfRecord):
    """An amount, shared among the payees of the terms in force of a work or a split account."""

    terms: EventOut
    amount: AmountOut
    denominator: ExactOut
    dust: int
    payees: list[PayeePartOut]


class PaidLineOut(_OfRecord):
    """All that a payee has of the work; `part` names the leaf that holds the line."""

    payee: AddressOut
    amount: AmountOut
    part: int


class SuspendedOut(_OfRecord):
    """What could not be paid, by the place of the payee in the work's terms."""

    position: int
    reason: Reason
    amount: AmountOut


class SplitOut(_OfRecord):
    """Where what the work earned went: amount = paid + Σ suspended + escrowed.

    `paid` is the sum of the lines. `shared` is null for a work that nobody has adopted (its money
    is escrowed under `escrow_id`), and for a split that is too large.
    """

    terms: EventOut
    amount: AmountOut
    shared: ListOut | None
    lines: list[PaidLineOut]
    paid: AmountOut
    suspended: list[SuspendedOut]
    escrow_id: HashOut | None
    escrowed: AmountOut


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
    has_half_life: bool
    parameters: EventOut
    subscribers: list[SubscriberPartOut]
    split: SplitOut


class ChargedSubscriberOut(_OfRecord):
    """What a subscriber paid, and what each fee takes of it, in the order of the parameters."""

    subscriber: AddressOut
    payments: list[PaymentOut]
    fee: AmountOut
    charged: list[AmountOut]


class FeePartOut(_OfRecord):
    """One entry of the fees; where its payee cannot be paid, it is unallocated."""

    name: str
    payee: AddressOut
    rate_ppm: ExactOut
    amount: AmountOut
    is_paid: bool


class FeeExplanationOut(_OfRecord):
    """The derivation of the fees in one asset: Σ lines = Σ amounts of the entries that are paid."""

    epoch: int
    attempt: int
    manifest_digest: HashOut
    root: HashOut
    asset: AddressOut
    parameters: EventOut
    entries: list[FeePartOut]
    subscribers: list[ChargedSubscriberOut]
    lines: list[PaidLineOut]


class EscrowedWorkOut(_OfRecord):
    """What one recognised work earned."""

    work_id: HashOut
    terms: EventOut
    amount: AmountOut


class EscrowExplanationOut(_OfRecord):
    """The derivation of what is escrowed for a content in one asset: amount = Σ works."""

    epoch: int
    attempt: int
    manifest_digest: HashOut
    root: HashOut
    asset: AddressOut
    parameters: EventOut
    escrow_id: HashOut
    content_id: HashOut
    works: list[EscrowedWorkOut]
    amount: AmountOut


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
    has_half_life: bool
    parameters: EventOut
    split: SplitOut
    subscriber_count: int
    credited_before: AmountOut
    subscribers: list[SubscriberPartOut]
    left_out: list[QuarantineCount]
