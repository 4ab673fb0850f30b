"""Rows and lines that are left out of an epoch, each with its reason; and the rows that remain.

Bad input never stops an epoch. A quarantined row leaves the input and does not count as seen, with
one exception: the rows of a work under verdict stay, with credibility zero, so that their weight
goes to unallocated and not to the other works.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from contracts.units import PPM_ONE, BaseUnits
from settlement.royalties.inputs import EpochInputs
from settlement.royalties.parameters import Parameters
from settlement.royalties.registry import Registry
from settlement.royalties.usercentric_v1 import Usage


class Reason(StrEnum):
    """Why something was left out; reasons of a row are checked in this order, the first counts."""

    UNPAID_TIER = "unpaid_tier"
    UNREGISTERED_WORK = "unregistered_work"
    DUPLICATE_WORK = "duplicate_work"
    REUSED_PSEUDONYM = "reused_pseudonym"
    UNKNOWN_REGION_RULE = "unknown_region_rule"
    WORK_UNDER_VERDICT = "work_under_verdict"
    UNPAYABLE_PAYEE = "unpayable_payee"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One row of a submission, or one line of a split, that was left out.

    For a row, `position` is its place in the arrays of the submission. For a line (reason
    `UNPAYABLE_PAYEE`, the only one with asset and amount) the log is the `WorkTermsSet` in force,
    `position` the payee's place in it, and `submitter` its registrant.
    """

    block_number: BlockNumber
    log_index: LogIndex
    position: int
    reason: Reason
    submitter: Address
    work_id: Hash32
    asset: Address | None = None
    amount: BaseUnits | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One row of one submission, as the chain holds it."""

    block_number: BlockNumber
    log_index: LogIndex
    position: int
    submitter: Address
    tier_id: Hash32
    work_id: Hash32
    minutes: int
    plays: int
    pseudonym: Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedUsage:
    """The rows that enter the formula, in chain order, and what was left out of them.

    `rows[i]` is row i of `usage`.
    """

    rows: list[UsageRow]
    usage: Usage[bytes]
    quarantined: list[Quarantined]


def accept_usage(inputs: EpochInputs, parameters: Parameters, registry: Registry) -> AcceptedUsage:
    """Judge every row of an epoch, in chain order, then by position."""
    rows: list[UsageRow] = []
    quarantined: list[Quarantined] = []
    seen = _Seen(set(), set())
    for row in _rows(inputs):
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
    works: set[tuple[Address, Hash32]]
    pseudonyms: set[Hash32]


def _reason(
    row: UsageRow, inputs: EpochInputs, parameters: Parameters, registry: Registry, seen: _Seen
) -> Reason | None:
    terms = registry.works.get(row.work_id)
    checks = (
        (Reason.UNPAID_TIER, (row.submitter, row.tier_id) not in inputs.paid_tiers),
        (Reason.UNREGISTERED_WORK, terms is None),
        (Reason.DUPLICATE_WORK, (row.submitter, row.work_id) in seen.works),
        (Reason.REUSED_PSEUDONYM, row.pseudonym in seen.pseudonyms),
        (
            Reason.UNKNOWN_REGION_RULE,
            terms is not None and terms.region_rule not in parameters.regions,
        ),
        (Reason.WORK_UNDER_VERDICT, row.work_id in registry.held),
    )
    return next((reason for reason, applies in checks if applies), None)


def _rows(inputs: EpochInputs) -> Iterator[UsageRow]:
    columns = inputs.consumption
    for index in range(len(columns)):
        inner = zip(
            columns.work_ids[index],
            columns.minutes_played[index],
            columns.plays[index],
            columns.pseudonyms[index],
            strict=True,
        )
        for position, (work_id, minutes, plays, pseudonym) in enumerate(inner):
            yield UsageRow(
                columns.block_number[index],
                columns.log_index[index],
                position,
                columns.submitter[index],
                columns.tier_id[index],
                work_id,
                minutes,
                plays,
                pseudonym,
            )


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
