"""The records of an explanation: every number between events and the units of a leaf.

Nothing is computed here; `explanation_parts.py` fills these records, and refuses if they do not
add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32, LogIndex
from contracts.units import BaseUnits
from settlement.royalties.allotment import Portion
from settlement.royalties.parameters import Parameters
from settlement.royalties.registry import WorkTerms


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

    `terms` are in force, for every work of a row that is explained; `verdicts` is the standing
    `VerdictPlaced` of every work that is held; `block_hashes` covers every block that is named.
    `play_sums[n]` is the sum of the series for n plays (`play_sums` in
    `explanation_parts.py`), long enough for every row.
    """

    chain_id: ChainId
    parameters: Parameters
    parameters_event: EventId
    terms: Mapping[Hash32, WorkTerms]
    verdicts: Mapping[Hash32, EventId]
    block_hashes: Mapping[BlockNumber, Hash32]
    play_sums: Sequence[int]

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
class UsageStep:
    """One row of a `ConsumptionSubmitted` event, and what it earned.

    raw = minutes · price · region · discount / 10⁶, where discount = play_sum / plays_counted;
    counted = raw · credibility / 10⁶. `portion` shares the subscriber's target by `counted`; None
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
    over all of them. target = fee · counted_sum / raw_sum, or nothing where either is zero;
    Σ credited of all rows + unallocated = fee; `credited` is of the rows of the work alone.
    """

    subscriber: Address
    payments: tuple[Payment, ...]
    fee: BaseUnits
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
    UNPAYABLE = "unpayable"  # the payee can never be paid: it goes to unallocated


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeePart:
    """One payee's part of what a work earned; `part` names the leaf that holds its line."""

    payee: Address
    share_ppm: int
    portion: Portion
    fate: Fate
    part: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSteps:
    """What a work earned in one asset, by payee, ascending; `paid` is the sum of its leaves."""

    terms: EventId
    amount: BaseUnits
    denominator: int
    dust: int
    payees: tuple[PayeePart, ...]
    paid: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The whole derivation of what one work earned in one asset of one epoch.

    Invariants: Σ subscribers' credited = split.amount; split.amount = split.paid + what is
    unpayable; split.paid = Σ leaves of the work in the asset.
    """

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32
    asset: Address
    work_id: Hash32
    ruleset: str
    k_ppm: int
    plays_max: int
    parameters: EventId
    subscribers: tuple[SubscriberPart, ...]
    split: SplitSteps
