"""Why something was left out of an epoch: every reason code, and the record of what was left out.

Bad input never stops an epoch: it is listed with its reason and does not take part.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from contracts.units import BaseUnits


class Reason(StrEnum):
    """A reason code; those of a submission, and those of a row, are in the order of checking."""

    # Whole submissions.
    MALFORMED_SUBMISSION = "malformed_submission"
    TOO_MANY_ROWS = "too_many_rows"
    OUTSIDE_GRACE = "outside_grace"
    DUPLICATE_SUBMISSION = "duplicate_submission"
    # Rows.
    NON_CANONICAL_ID = "non_canonical_id"
    UNPAID_TIER = "unpaid_tier"
    UNREGISTERED_WORK = "unregistered_work"
    DUPLICATE_WORK = "duplicate_work"
    REUSED_PSEUDONYM = "reused_pseudonym"
    ABSURD_MINUTES = "absurd_minutes"
    MALFORMED_TERMS = "malformed_terms"
    UNKNOWN_REGION_RULE = "unknown_region_rule"
    WORK_UNDER_VERDICT = "work_under_verdict"
    # Amounts that have a payee who cannot be paid.
    UNPAYABLE_PAYEE = "unpayable_payee"
    SPLIT_CYCLE = "split_cycle"
    SPLIT_TOO_DEEP = "split_too_deep"
    SPLIT_MALFORMED = "split_malformed"
    SPLIT_TOO_LARGE = "split_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One row of a submission, or one amount on its way to a payee, that was left out.

    For a row, `position` is its place in the arrays of the submission; a submission whose rows
    cannot be told apart is listed once, at place 0, with work id zero.

    For an amount (`asset` and `amount` are there) the log is the `WorkTermsSet` in force,
    `position` the place in it of the payee that the amount was first for, and `submitter` its
    registrant. For a fee the log is the `ParametersSet` in force, `position` the place in its list
    of fees, `submitter` zero, and the work id that of the fee leaf.
    """

    block_number: BlockNumber
    log_index: LogIndex
    position: int
    reason: Reason
    submitter: Address
    work_id: Hash32
    asset: Address | None = None
    amount: BaseUnits | None = None


def listing_order(item: Quarantined) -> tuple[int, int, int, bytes, str]:
    """The order in which what was left out is published."""
    return item.block_number, item.log_index, item.position, item.asset or b"", item.reason.value
