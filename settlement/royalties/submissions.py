"""Submissions of usage, judged whole before any of their rows is.

| reason | the submission |
|---|---|
| `malformed_submission` | has no rows, or arrays of different length |
| `too_many_rows` | has more rows than the contract accepts |
| `outside_grace` | is in a block before the epoch began |
| `duplicate_submission` | has submitter and part of one before it in the epoch |

The contracts refuse all of these: a log like that means that a contract is not what it should be,
and then it must not stop the epoch, nor be paid. A submission that is left out for one of the first
three reasons does not count as seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.batches import ConsumptionColumns
from contracts.evm import ZERO_HASH, Address, BlockNumber, Hash32, LogIndex
from settlement.royalties.reasons import Quarantined, Reason

ROWS_MAX = 16


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


def judged_submissions(
    columns: ConsumptionColumns, *, last_before_start: BlockNumber | None
) -> Iterator[UsageRow | Quarantined]:
    """The rows of the submissions that stand, and those that are left out, in chain order."""
    seen: set[tuple[Address, int]] = set()
    for index in range(len(columns)):
        reason = _reason(columns, index, last_before_start, seen)
        if reason is None:
            seen.add((columns.submitter[index], columns.part[index]))
            yield from _rows(columns, index)
        else:
            yield from _left_out(columns, index, reason)


def _reason(
    columns: ConsumptionColumns,
    index: int,
    last_before_start: BlockNumber | None,
    seen: set[tuple[Address, int]],
) -> Reason | None:
    rows = len(columns.work_ids[index])
    others = (columns.minutes_played, columns.plays, columns.pseudonyms)
    checks = (
        (Reason.MALFORMED_SUBMISSION, rows == 0 or any(len(one[index]) != rows for one in others)),
        (Reason.TOO_MANY_ROWS, rows > ROWS_MAX),
        (
            Reason.OUTSIDE_GRACE,
            last_before_start is not None and columns.block_number[index] <= last_before_start,
        ),
        (Reason.DUPLICATE_SUBMISSION, (columns.submitter[index], columns.part[index]) in seen),
    )
    return next((reason for reason, applies in checks if applies), None)


def _rows(columns: ConsumptionColumns, index: int) -> Iterator[UsageRow]:
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


def _left_out(columns: ConsumptionColumns, index: int, reason: Reason) -> Iterator[Quarantined]:
    is_readable = reason is not Reason.MALFORMED_SUBMISSION
    works = columns.work_ids[index] if is_readable else [ZERO_HASH]
    for position, work_id in enumerate(works):
        yield Quarantined(
            block_number=columns.block_number[index],
            log_index=columns.log_index[index],
            position=position,
            reason=reason,
            submitter=columns.submitter[index],
            work_id=work_id,
        )
