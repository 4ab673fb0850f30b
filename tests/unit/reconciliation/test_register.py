"""`reconciliation.register`: what a run changes, and who may explain and accept."""

from dataclasses import replace

import pytest

from contracts.evm import Hash32, Timestamp
from reconciliation.discrepancy import AgeBucket, Place
from reconciliation.errors import BadResolution
from reconciliation.register import (
    Explanation,
    Last,
    RunPlace,
    Standing,
    Status,
    Step,
    require_explainable,
    require_resolvable,
    steps_of_run,
)

ID, OTHER = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
CONTENT, CHANGED = Hash32(b"\x03" * 32), Hash32(b"\x04" * 32)
EXPLANATION = Explanation(id=1, content_digest=CONTENT, maker="Ann", text="a gift")
SEEN = RunPlace(run=1, block_number=5, timestamp=Timestamp(100))
STANDING = Standing(
    id=ID,
    kind="amount",
    severity="high",
    owner="finance",
    status=Status.EXPLAINED,
    subject="log 1/2",
    asset=None,
    expected="1",
    actual="2",
    evidence=(),
    place=Place(),
    content_digest=CONTENT,
    first_seen=SEEN,
    last_seen=SEEN,
    opened_at=Timestamp(100),
    now=Timestamp(100 + 8 * 86_400),
    explanation=EXPLANATION,
)


def steps(
    status: Status | None, content: Hash32 | None, *, is_complete: bool = True, **resolved: Hash32
) -> list[Step]:
    known = {} if status is None else {ID: Last(status=status, explanation=EXPLANATION)}
    found = {} if content is None else {ID: content}
    answers = {ID: resolved["by"]} if resolved else {}
    return steps_of_run(found, known, answers, is_complete=is_complete)


@pytest.mark.parametrize(
    ("before", "content", "after"),
    [
        (None, CONTENT, Status.OPEN),
        (Status.OPEN, CONTENT, None),
        (Status.OPEN, CHANGED, None),
        (Status.ABSENT, CONTENT, Status.OPEN),
        (Status.EXPLAINED, CONTENT, None),
        (Status.EXPLAINED, CHANGED, Status.OPEN),
        (Status.RESOLVED, CONTENT, None),
        (Status.RESOLVED, CHANGED, Status.OPEN),
        (Status.OPEN, None, Status.ABSENT),
        (Status.EXPLAINED, None, Status.ABSENT),
        (Status.ABSENT, None, None),
        (Status.RESOLVED, None, None),
    ],
)
def test_steps__found_or_gone__status_that_follows(
    before: Status | None, content: Hash32 | None, after: Status | None
) -> None:
    expected = [] if after is None else [Step(discrepancy_id=ID, status=after)]

    assert steps(before, content) == expected


def test_steps__resolved_by_an_entry_and_found_again__open() -> None:
    known = {ID: Last(status=Status.RESOLVED, explanation=None)}

    (step,) = steps_of_run({ID: CONTENT}, known, {}, is_complete=True)

    assert step.status is Status.OPEN


def test_steps__gone_with_an_entry__resolved_by_it() -> None:
    (step,) = steps(Status.OPEN, None, by=OTHER)

    assert (step.status, step.entry_id) == (Status.RESOLVED, OTHER)


def test_steps__run_that_compared_nothing__nothing_is_gone() -> None:
    assert steps(Status.OPEN, None, is_complete=False) == []


@pytest.mark.parametrize(("maker", "text"), [(" ", "why"), ("ann", " ")])
def test_explain__nobody_or_nothing__refused(maker: str, text: str) -> None:
    with pytest.raises(BadResolution):
        require_explainable(STANDING, maker, text)


def test_explain__resolved__refused() -> None:
    with pytest.raises(BadResolution):
        require_explainable(replace(STANDING, status=Status.RESOLVED), "ann", "why")


def test_resolve__another_person__accepted() -> None:
    assert require_resolvable(STANDING, "ben") == EXPLANATION


@pytest.mark.parametrize(
    ("change", "checker"),
    [
        ({}, "ann"),
        ({}, " ANN "),
        ({}, ""),
        ({"explanation": None}, "ben"),
        ({"status": Status.RESOLVED}, "ben"),
        ({"content_digest": CHANGED}, "ben"),
    ],
)
def test_resolve__same_person_or_other_content__refused(
    change: dict[str, object], checker: str
) -> None:
    with pytest.raises(BadResolution):
        require_resolvable(replace(STANDING, **change), checker)  # type: ignore[arg-type]


def test_standing__age_and_order__by_chain_time_and_severity() -> None:
    worse = replace(STANDING, severity="critical", opened_at=Timestamp(900))
    older = replace(STANDING, opened_at=Timestamp(50))

    assert STANDING.age is AgeBucket.MONTH
    assert sorted((STANDING, older, worse), key=lambda one: one.order) == [worse, older, STANDING]
