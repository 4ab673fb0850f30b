"""The records of an explanation: every number between events and the units of a leaf.

Nothing is computed here; `explanation_parts.py` fills these records, and refuses if they do not
add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32, LogIndex, Timestamp
from contracts.units import BaseUnits
from settlement.royalties.allotment import Portion
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import Parameters
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import WorkTerms
from settlement.royalties.split_graph import SplitTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class EventId:
    """One log, in the one version of its block that was counted."""

    chain_id: ChainId
    block_number: BlockNumber
    block_hash: Hash32
    log_index: LogIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the events of an epoch say, for the numbers of a derivation.

    `terms` are in force, for every work of a row that is explained; `accounts` are all split
    accounts in force; `verdicts` is the standing `VerdictPlaced` of every work that is held;
    `block_hashes` covers every block that is named.
    `play_sums[n]` is the sum of the series for n plays (`play_sums` in
    `explanation_parts.py`), long enough for every row.
    """

    chain_id: ChainId
    scope: EpochScope
    parameters: Parameters
    terms: Mapping[Hash32, WorkTerms]
    accounts: Mapping[Address, SplitTerms]
    verdicts: Mapping[Hash32, EventId]
    block_hashes: Mapping[BlockNumber, Hash32]
    play_sums: Sequence[int]

    @property
    def parameters_event(self) -> EventId:
        """The `ParametersSet` in force."""
        return self.event(self.scope.parameters_block, self.scope.parameters_log)

    def event(self, block_number: BlockNumber, log_index: LogIndex) -> EventId:
        """The id of a log that the epoch depends on."""
        return EventId(
            chain_id=self.chain_id,
            block_number=block_number,
            block_hash=self.block_hashes[block_number],
            log_index=log_index,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A `Subscribed` event: what was paid for a subscriber, in one asset."""

    event: EventId
    tier_id: Hash32
    payer: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeStep:
    """One fee on a subscriber's fee: amount = fee · rate / 10⁶, rounded down."""

    name: str
    payee: Address
    rate_ppm: int
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageStep:
    """One row of a `ConsumptionSubmitted` event, and what it earned.

    undecayed = minutes · price · region · discount / 10⁶, where discount = play_sum /
    plays_counted; raw = undecayed · factor / 10⁶; counted = raw · credibility / 10⁶. The factor is
    that of the half-life for a work of `age_steps` steps since `registered_at`; without a half-life
    the age is None and the factor one. `portion` shares the subscriber's target by `counted`; None
    where there is no target. `terms` is the `WorkTermsSet` that says price and region rule;
    `verdict` the reason why credibility is zero, None where it is one.
    """

    event: EventId
    position: int
    work_id: Hash32
    tier_id: Hash32
    minutes: int
    plays: int
    terms: EventId
    price_ppm: int
    region_rule: Hash32
    region_ppm: int
    plays_counted: int
    play_sum: int
    discount_ppm: int
    undecayed: int
    registered_at: Timestamp
    age_steps: int | None
    factor_ppm: int
    verdict: EventId | None
    credibility_ppm: int
    raw: int
    counted: int
    portion: Portion | None
    credited: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberPart:
    """What one subscriber's fee gave to a work.

    `rows` are all rows of the subscriber in chain order, those of other works too: the weights sum
    over all of them. shareable = fee - Σ charged; target = shareable · counted_sum / raw_sum, or
    nothing where either is zero; Σ credited of all rows + unallocated = shareable; `credited` is of
    the rows of the work alone.
    """

    subscriber: Address
    payments: tuple[Payment, ...]
    fee: BaseUnits
    charged: tuple[ChargeStep, ...]
    shareable: BaseUnits
    raw_sum: int
    counted_sum: int
    target: int
    dust: int
    unallocated: BaseUnits
    rows: tuple[UsageStep, ...]
    credited: BaseUnits


class Fate(StrEnum):
    """What became of a payee's part."""

    LEAF = "leaf"
    ZERO = "zero"
    SPLIT = "split"  # the payee is a split account, which shares it on
    SUSPENSE = "suspense"  # the payee cannot be paid: the reason is beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeePart:
    """One payee's part of what a list of payees shares out.

    `reason` is there for fate `SUSPENSE`, `shared_on` for fate `SPLIT`.
    """

    payee: Address
    share_ppm: int
    portion: Portion
    fate: Fate
    reason: Reason | None
    shared_on: "ListSteps | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSteps:
    """An amount shared out among one list of payees, ascending, by the terms in force."""

    terms: EventId
    amount: BaseUnits
    denominator: int
    dust: int
    payees: tuple[PayeePart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """A line of a leaf: all that a payee has of the work; `part` names the leaf."""

    payee: Address
    amount: BaseUnits
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendedPart:
    """What could not be paid for one reason, by the place of the payee in the work's terms."""

    position: int
    reason: Reason
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSteps:
    """What a work earned in one asset, and where it went: amount = paid + Σ suspended + escrowed.

    `shared` is None for a work that nobody has adopted, whose money is escrowed under
    `escrow_id`, and for a split that is too large to be followed. `lines` are ascending by payee,
    `suspended` by (position, reason); `paid` is the sum of the lines, and of the work's leaves.
    """

    terms: EventId
    amount: BaseUnits
    shared: ListSteps | None
    lines: tuple[PaidLine, ...]
    paid: BaseUnits
    suspended: tuple[SuspendedPart, ...]
    escrow_id: Hash32 | None
    escrowed: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Of which attempt and asset something is explained."""

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32
    asset: Address
    parameters: EventId


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation(Explained):
    """The whole derivation of what one work earned in one asset of one epoch.

    Invariants: Σ subscribers' credited = split.amount; split.paid = Σ leaves of the work in the
    asset; Σ split.suspended = its suspense leaf.
    """

    work_id: Hash32
    ruleset: str
    k_ppm: int
    plays_max: int
    has_half_life: bool
    subscribers: tuple[SubscriberPart, ...]
    split: SplitSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedSubscriber:
    """What one subscriber paid, and what each fee takes of it, in the order of the parameters."""

    subscriber: Address
    payments: tuple[Payment, ...]
    fee: BaseUnits
    charged: tuple[BaseUnits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePart:
    """One entry of the fees: amount = Σ of its charges; without a payable payee, unallocated."""

    name: str
    payee: Address
    rate_ppm: int
    amount: BaseUnits
    is_paid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeExplanation(Explained):
    """The fee leaf of one asset: Σ lines = Σ amounts of the entries that are paid = the leaf."""

    entries: tuple[FeePart, ...]
    subscribers: tuple[ChargedSubscriber, ...]
    lines: tuple[PaidLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowedWork:
    """What one recognised work earned; `terms` is the `WorkTermsSet` without payees."""

    work_id: Hash32
    terms: EventId
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowExplanation(Explained):
    """An escrow leaf: amount = Σ of the recognised works of the content, ascending by id."""

    escrow_id: Hash32
    content_id: Hash32
    works: tuple[EscrowedWork, ...]
    amount: BaseUnits


AnyExplanation = Explanation | FeeExplanation | EscrowExplanation
"""Of the leaves of one id, in one asset."""
