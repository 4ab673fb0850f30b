"""Whole submissions that the contracts would refuse: each is left out, and none stops an epoch."""

from collections.abc import Sequence

from contracts.batches import ConsumptionColumns
from contracts.evm import ZERO_HASH, Address, BlockNumber, Hash32, LogIndex
from settlement.royalties.reasons import Quarantined, Reason
from settlement.royalties.submissions import ROWS_MAX, UsageRow, judged_submissions
from tests.royalties_builders import ANN, BOB, TIER, work

SONG, FILM = work("song"), work("film")


def submission(
    submitter: Address,
    works: Sequence[Hash32],
    *,
    part: int = 0,
    block: int = 10,
    lengths: tuple[int, int, int] | None = None,
) -> tuple[Address, int, int, Sequence[Hash32], tuple[int, int, int]]:
    return submitter, part, block, works, lengths or (len(works),) * 3


def judged(
    *made: tuple[Address, int, int, Sequence[Hash32], tuple[int, int, int]],
    last_before_start: int | None = None,
) -> tuple[list[UsageRow], list[Quarantined]]:
    columns = ConsumptionColumns(
        block_number=[BlockNumber(one[2]) for one in made],
        log_index=[LogIndex(at) for at in range(len(made))],
        submitter=[one[0] for one in made],
        tier_id=[TIER] * len(made),
        part=[one[1] for one in made],
        work_ids=[list(one[3]) for one in made],
        minutes_played=[[7] * one[4][0] for one in made],
        plays=[[1] * one[4][1] for one in made],
        pseudonyms=[[work("mask")] * one[4][2] for one in made],
        digest=[ZERO_HASH] * len(made),
    )
    before = None if last_before_start is None else BlockNumber(last_before_start)
    found = list(judged_submissions(columns, last_before_start=before))
    rows = [one for one in found if isinstance(one, UsageRow)]
    return rows, [one for one in found if isinstance(one, Quarantined)]


def listed(left_out: list[Quarantined]) -> list[tuple[int, int, Reason, Hash32]]:
    return [(one.log_index, one.position, one.reason, one.work_id) for one in left_out]


def test_submissions__good__all_rows_in_order() -> None:
    rows, left_out = judged(submission(ANN, [SONG, FILM]), submission(BOB, [SONG]))

    assert [(row.submitter, row.position, row.work_id) for row in rows] == [
        (ANN, 0, SONG),
        (ANN, 1, FILM),
        (BOB, 0, SONG),
    ]
    assert left_out == []


def test_submissions__arrays_of_different_length__listed_once() -> None:
    for lengths in ((1, 2, 2), (2, 1, 2), (2, 2, 3)):
        rows, left_out = judged(submission(ANN, [SONG, FILM], lengths=lengths))

        assert rows == []
        assert listed(left_out) == [(0, 0, Reason.MALFORMED_SUBMISSION, ZERO_HASH)]
        assert left_out[0].submitter == ANN


def test_submissions__no_rows__listed_once() -> None:
    _, left_out = judged(submission(ANN, []))

    assert listed(left_out) == [(0, 0, Reason.MALFORMED_SUBMISSION, ZERO_HASH)]


def test_submissions__rows__sixteen_and_no_more() -> None:
    works = [work(str(at)) for at in range(ROWS_MAX + 1)]

    rows, left_out = judged(submission(ANN, works[:-1]), submission(BOB, works))

    assert len(rows) == ROWS_MAX == 16
    assert listed(left_out) == [(1, at, Reason.TOO_MANY_ROWS, one) for at, one in enumerate(works)]


def test_submissions__block_before_the_epoch__outside_grace() -> None:
    rows, left_out = judged(
        submission(ANN, [SONG], block=9), submission(BOB, [FILM], block=10), last_before_start=9
    )

    assert [row.submitter for row in rows] == [BOB]
    assert listed(left_out) == [(0, 0, Reason.OUTSIDE_GRACE, SONG)]


def test_submissions__first_epoch__nothing_is_before_it() -> None:
    rows, left_out = judged(submission(ANN, [SONG], block=0))

    assert (len(rows), left_out) == (1, [])


def test_submissions__same_part_again__first_counts() -> None:
    rows, left_out = judged(
        submission(ANN, [SONG]),
        submission(ANN, [FILM, SONG]),
        submission(ANN, [FILM], part=1),
        submission(BOB, [FILM]),
    )

    assert [(row.submitter, row.log_index) for row in rows] == [(ANN, 0), (ANN, 2), (BOB, 3)]
    assert listed(left_out) == [
        (1, 0, Reason.DUPLICATE_SUBMISSION, FILM),
        (1, 1, Reason.DUPLICATE_SUBMISSION, SONG),
    ]


def test_submissions__left_out_before__does_not_count_as_seen() -> None:
    works = [work(str(at)) for at in range(ROWS_MAX + 1)]

    rows, left_out = judged(
        submission(ANN, [], block=10),
        submission(ANN, works, block=11),
        submission(ANN, [FILM], block=9),
        submission(ANN, [SONG], block=12),
        last_before_start=9,
    )

    assert [row.work_id for row in rows] == [SONG]
    assert {one.reason for one in left_out} == {
        Reason.MALFORMED_SUBMISSION,
        Reason.TOO_MANY_ROWS,
        Reason.OUTSIDE_GRACE,
    }


def test_submissions__several_reasons__first_in_order() -> None:
    works = [work(str(at)) for at in range(ROWS_MAX + 1)]
    good = submission(ANN, [SONG])

    for made, reason in (
        (submission(ANN, works, lengths=(1, 1, 1), block=9), Reason.MALFORMED_SUBMISSION),
        (submission(ANN, works, block=9), Reason.TOO_MANY_ROWS),
        (submission(ANN, [FILM], block=9), Reason.OUTSIDE_GRACE),
    ):
        _, left_out = judged(good, made, last_before_start=9)
        assert left_out[0].reason is reason
