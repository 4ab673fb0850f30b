"""The terms of the payout policy: limits, records in force, open leaves, and verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, Hash32, Timestamp
from contracts.leaves import SplitLine
from settlement.payouts.screening import ScreeningList


class Rule(StrEnum):
    """What may object; the order is the one in which objections are listed."""

    HELD = "held"
    NOT_SCREENED = "not_screened"
    PAYEE_LISTED = "payee_listed"
    PAYER_LISTED = "payer_listed"
    NO_POLICY = "no_policy"
    BELOW_MINIMUM = "below_minimum"
    KYC_LIMIT = "kyc_limit"
    VELOCITY = "velocity"
    PAYEE_DAILY_CAP = "payee_daily_cap"
    SETTLEMENT_DAILY_CAP = "settlement_daily_cap"
    NOT_APPROVED = "not_approved"


class Stage(StrEnum):
    """How far a leaf has come; what has come farther is judged first."""

    SIGNED = "signed"  # may be paid whatever we decide, so it counts in every sum
    RESERVED = "reserved"
    OWED = "owed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPolicy:
    """The limits of one asset, in its base units; None: no limit.

    `kyc_units_max` has one limit for each tier, tier 0 (nothing known) first.
    """

    minimum_units: int
    kyc_window_s: int
    kyc_units_max: tuple[int | None, ...]
    velocity_window_s: int
    velocity_lines_max: int | None
    payee_day_units_max: int | None
    settlement_day_units_max: int | None
    unapproved_units_max: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one settlement.

    `chain_hold_margin_s` is how much longer than now a hold on chain must last for its line to be
    taken as one that will not be paid: more than a transaction can be on its way.
    """

    assets: Mapping[Address, AssetPolicy]
    approvers: frozenset[Address]
    chain_hold_margin_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualHold:
    """A payee whom a person holds back; `held_by` is the name that was given, not checked."""

    held_by: str
    reason: str
    held_at: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The records in force: without a tier an account is of tier 0.

    `approvals` are, by operation, the approvers whose signatures were checked. `chain_holds` says
    until when payees are held on chain.
    """

    screening: ScreeningList | None
    holds: Mapping[Address, ManualHold]
    tiers: Mapping[Address, int]
    approvals: Mapping[Hash32, frozenset[Address]]
    chain_holds: Mapping[Address, Timestamp]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLeaf:
    """What is open of one leaf; `op_id` names the operation that pays it, `leaf_id` the leaf.

    A line of a list is a leaf of one line, without a hold on chain: its contract skips it whole, so
    there is nobody else whom an objection should not stop. `payers` are accounts that paid for it:
    at least all of them that are on the list in force.
    """

    contract: Address
    op_id: Hash32
    leaf_id: Hash32
    asset: Address
    lines: tuple[SplitLine, ...]
    owed_since: Timestamp
    stage: Stage
    payers: tuple[Address, ...]
    is_line: bool

    @property
    def outstanding(self) -> int:
        """What its open lines sum to."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One objection: `actual` is what would be, `limit` what may be, where the rule has numbers."""

    rule: Rule
    detail: str
    since: Timestamp
    actual: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineVerdict:
    """What the rules say of one line; `held_until` if a hold on chain keeps it from being paid."""

    payee: Address
    amount: int
    held_until: Timestamp | None
    reasons: tuple[Reason, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether this line does not stop its leaf."""
        return self.held_until is not None or not self.reasons


@dataclass(frozen=True, slots=True)
class LeafVerdict:
    """What the rules say of all open lines of a leaf, in their order."""

    leaf: OpenLeaf
    lines: tuple[LineVerdict, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether the leaf may be paid."""
        return all(line.is_allowed for line in self.lines)
