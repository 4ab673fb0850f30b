"""Which rows of a shard count, by the rules of `submissions.py` and `quarantine.py`, on columns.

All rules look at one row, or at the rows of one subscriber, but for one: a pseudonym that somebody
else has used. Which rows fall to that rule, or to a pseudonym that is no canonical id, is found
before, over all subscribers (`shard_couplings.py`), and given here as `Coupled` rows.

A work that a subscriber names twice is judged row by row, in chain order, because a row that is
left out does not count as seen; everything else is a comparison of columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.evm import ZERO_HASH, Address, BlockNumber, Hash32, LogIndex
from contracts.packed_usage import Integers
from settlement.royalties.reasons import Quarantined, Reason
from settlement.royalties.shard_ids import UNKNOWN, is_member, repeated_values
from settlement.royalties.shard_rules import COUNTS, ReasonCodes, WorkFactors, code_of, reason_of
from settlement.royalties.shard_usage import NON_CANONICAL, ShardUsage
from settlement.royalties.submissions import ROWS_MAX

_PARTS = 2**16


@dataclass(frozen=True, slots=True)
class Coupled:
    """A row that its pseudonym keeps out: it is somebody else's, or not canonical."""

    block_number: BlockNumber
    log_index: LogIndex
    position: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedUsage:
    """What is left out, by row of the usage (`COUNTS` if it is not), and why."""

    usage: ShardUsage
    submission_of_row: NDArray[np.int32]
    reasons: ReasonCodes

    def counting(self) -> Integers:
        """The rows that enter the formula, in order; those of held works are among them."""
        return np.flatnonzero(self.reasons == COUNTS)


def judged_usage(
    usage: ShardUsage,
    factors: WorkFactors,
    coupled: tuple[Coupled, ...],
    *,
    last_before_start: BlockNumber | None,
) -> JudgedUsage:
    """Judge every submission, then every row of those that stand."""
    submission = np.repeat(np.arange(len(usage), dtype=np.int32), usage.size)
    reasons = _of_submissions(usage, last_before_start)[submission]
    by_pseudonym = _by_pseudonym(usage, coupled)
    _stop(reasons, (usage.code == NON_CANONICAL), Reason.NON_CANONICAL_ID)
    for row in by_pseudonym.get(Reason.NON_CANONICAL_ID, ()):
        if reasons[row] == COUNTS:
            reasons[row] = code_of(Reason.NON_CANONICAL_ID)
    _stop(reasons, ~usage.is_paid[submission], Reason.UNPAID_TIER)
    _stop(reasons, usage.code == UNKNOWN, Reason.UNREGISTERED_WORK)
    later = _later_reasons(usage, factors)
    later[by_pseudonym.get(Reason.REUSED_PSEUDONYM, [])] = code_of(Reason.REUSED_PSEUDONYM)
    _judge_repeated_works(usage, submission, reasons, later)
    np.copyto(reasons, later, where=reasons == COUNTS)
    return JudgedUsage(usage=usage, submission_of_row=submission, reasons=reasons)


def left_out(judged: JudgedUsage, factors: WorkFactors) -> Iterator[Quarantined]:
    """Every row that is left out, and those of held works; in the order of the columns."""
    usage = judged.usage
    first = usage.first_rows()
    for submission in np.flatnonzero(usage.size == 0).tolist():
        yield _quarantined(usage, submission, 0, Reason.MALFORMED_SUBMISSION, ZERO_HASH)
    is_listed = (judged.reasons != COUNTS) | factors.is_held(usage.code)
    for row in np.flatnonzero(is_listed).tolist():
        submission = int(judged.submission_of_row[row])
        position, code = row - int(first[submission]), int(usage.code[row])
        reason = judged.reasons[row]
        yield _quarantined(
            usage,
            submission,
            position,
            Reason.WORK_UNDER_VERDICT if reason == COUNTS else reason_of(int(reason)),
            factors.terms[code].work_id if code >= 0 else usage.strange[submission, position],
        )


def _of_submissions(usage: ShardUsage, last_before_start: BlockNumber | None) -> ReasonCodes:
    reasons = np.full(len(usage), COUNTS, dtype=np.uint8)
    _stop(reasons, usage.size == 0, Reason.MALFORMED_SUBMISSION)
    _stop(reasons, usage.size > ROWS_MAX, Reason.TOO_MANY_ROWS)
    if last_before_start is not None:
        _stop(reasons, usage.block_number <= last_before_start, Reason.OUTSIDE_GRACE)
    standing = np.flatnonzero(reasons == COUNTS)
    keys = usage.who[standing] * _PARTS + usage.part[standing]
    order = np.argsort(keys, kind="stable")  # chain order within a key
    is_repeated = np.zeros(len(keys), dtype=bool)
    is_repeated[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    reasons[standing[is_repeated]] = code_of(Reason.DUPLICATE_SUBMISSION)
    return reasons


def _later_reasons(usage: ShardUsage, factors: WorkFactors) -> ReasonCodes:
    """What speaks against a row, of the reasons after a work named twice; the first one."""
    later = factors.refusals(usage.code)
    limit = factors.parameters.minutes_max
    if limit is not None:
        later[usage.minutes > limit] = code_of(Reason.ABSURD_MINUTES)
    return later


def _judge_repeated_works(
    usage: ShardUsage, submission: NDArray[np.int32], reasons: ReasonCodes, later: ReasonCodes
) -> None:
    open_rows = np.flatnonzero(reasons == COUNTS)
    if not len(open_rows):
        return
    codes = usage.code[open_rows]
    keys = usage.who[submission[open_rows]] * (int(codes.max()) + 1) + codes
    repeated = repeated_values(keys)
    if not len(repeated):
        return
    seen: set[int] = set()
    for at in np.flatnonzero(is_member(keys, repeated)).tolist():
        key, row = int(keys[at]), open_rows[at]
        if key in seen:
            reasons[row] = code_of(Reason.DUPLICATE_WORK)
        elif later[row] == COUNTS:
            seen.add(key)


def _by_pseudonym(usage: ShardUsage, coupled: tuple[Coupled, ...]) -> dict[Reason, list[int]]:
    """Rows of this shard that a pseudonym keeps out, by reason."""
    wanted: dict[tuple[int, int], list[Coupled]] = {}
    for one in coupled:
        wanted.setdefault((one.block_number, one.log_index), []).append(one)
    found: dict[Reason, list[int]] = {}
    if not wanted:
        return found
    first = usage.first_rows()
    blocks = np.unique(np.array([block for block, _ in wanted], dtype=np.int64))
    for submission in np.flatnonzero(is_member(usage.block_number, blocks)).tolist():
        place = int(usage.block_number[submission]), int(usage.log_index[submission])
        for one in wanted.get(place, ()):
            found.setdefault(one.reason, []).append(int(first[submission]) + one.position)
    return found


def _stop(reasons: ReasonCodes, applies: NDArray[np.bool_], reason: Reason) -> None:
    """Give a reason to the rows that have none yet."""
    reasons[applies & (reasons == COUNTS)] = code_of(reason)


def _quarantined(
    usage: ShardUsage, submission: int, position: int, reason: Reason, work_id: Hash32
) -> Quarantined:
    return Quarantined(
        block_number=BlockNumber(int(usage.block_number[submission])),
        log_index=LogIndex(int(usage.log_index[submission])),
        position=position,
        reason=reason,
        submitter=Address(usage.submitter[submission].tobytes()),
        work_id=work_id,
    )
