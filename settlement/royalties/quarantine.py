"""The rows that enter the formula, and those that are left out of it, each with its reason.

Whole submissions are judged first (`submissions.py`). A quarantined row leaves the input and does
not count as seen, with one exception: the rows of a work under verdict stay, with credibility zero,
so that their weight goes to unallocated and not to the other works.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from contracts.evm import SCALAR_FIELD_ORDER, Address, Hash32
from contracts.units import PPM_ONE
from settlement.royalties.inputs import EpochInputs
from settlement.royalties.parameters import Parameters
from settlement.royalties.reasons import Quarantined, Reason
from settlement.royalties.registry import Registry
from settlement.royalties.submissions import UsageRow, judged_submissions
from settlement.royalties.usercentric_v1 import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedUsage:
    """The rows that enter the formula, in chain order, and what was left out of them.

    `rows[i]` is row i of `usage`.
    """

    rows: list[UsageRow]
    usage: Usage[bytes]
    quarantined: list[Quarantined]


def accept_usage(inputs: EpochInputs, parameters: Parameters, registry: Registry) -> AcceptedUsage:
    """Judge every submission of an epoch and every row of it, in chain order, then by position."""
    rows: list[UsageRow] = []
    quarantined: list[Quarantined] = []
    seen = _Seen()
    for row in judged_submissions(
        inputs.consumption, last_before_start=inputs.scope.last_before_start
    ):
        if isinstance(row, Quarantined):
            quarantined.append(row)
            continue
        reason = _reason(row, inputs, parameters, registry, seen)
        if reason is not None:
            quarantined.append(_quarantined(row, reason))
        if reason is None or reason is Reason.WORK_UNDER_VERDICT:
            seen.works.add((row.submitter, row.work_id))
            seen.pseudonyms.add(row.pseudonym)
            rows.append(row)
    return AcceptedUsage(
        rows=rows, usage=_usage(rows, parameters, registry), quarantined=quarantined
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    works: set[tuple[Address, Hash32]] = field(default_factory=set)
    pseudonyms: set[Hash32] = field(default_factory=set)


def _reason(
    row: UsageRow, inputs: EpochInputs, parameters: Parameters, registry: Registry, seen: _Seen
) -> Reason | None:
    checks = _checks(row, inputs, parameters, registry, seen)
    return next((reason for reason, applies in checks if applies), None)


def _checks(
    row: UsageRow, inputs: EpochInputs, parameters: Parameters, registry: Registry, seen: _Seen
) -> Iterator[tuple[Reason, bool]]:
    """Every reason of a row in its order, and whether it applies; terms are there once asked."""
    is_canonical = _is_canonical(row.work_id) and _is_canonical(row.pseudonym)
    yield Reason.NON_CANONICAL_ID, not is_canonical
    yield Reason.UNPAID_TIER, (row.submitter, row.tier_id) not in inputs.paid_tiers
    yield Reason.UNREGISTERED_WORK, row.work_id not in registry.works
    yield Reason.DUPLICATE_WORK, (row.submitter, row.work_id) in seen.works
    yield Reason.REUSED_PSEUDONYM, row.pseudonym in seen.pseudonyms
    limit = parameters.minutes_max
    yield Reason.ABSURD_MINUTES, limit is not None and row.minutes > limit
    terms = registry.works[row.work_id]
    yield Reason.MALFORMED_TERMS, not terms.is_well_formed
    yield Reason.UNKNOWN_REGION_RULE, terms.region_rule not in parameters.regions
    yield Reason.WORK_UNDER_VERDICT, row.work_id in registry.held


def _is_canonical(one: Hash32) -> bool:
    return int.from_bytes(one, "big") < SCALAR_FIELD_ORDER


def _quarantined(row: UsageRow, reason: Reason) -> Quarantined:
    return Quarantined(
        block_number=row.block_number,
        log_index=row.log_index,
        position=row.position,
        reason=reason,
        submitter=row.submitter,
        work_id=row.work_id,
    )


def _usage(rows: list[UsageRow], parameters: Parameters, registry: Registry) -> Usage[bytes]:
    terms = [registry.works[row.work_id] for row in rows]
    return Usage(
        user=[row.submitter for row in rows],
        work=[row.work_id for row in rows],
        minutes=[row.minutes for row in rows],
        price_ppm=[term.price_ppm for term in terms],
        region_ppm=[parameters.regions[term.region_rule] for term in terms],
        plays=[row.plays for row in rows],
        credibility_ppm=[0 if row.work_id in registry.held else PPM_ONE for row in rows],
    )
