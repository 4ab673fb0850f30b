"""The register: what became of every discrepancy that was ever found.

    found ──► open ──────────────► absent     found no more, and no entry says why
               │  ▲                  │
               │  └── found again ───┤
               ▼                     ▼
            explained ───────────► resolved   by an entry, or by an explanation that another
             (maker)               (checker)  person accepted

Statuses are transitions that were written; nothing is changed. An explanation is of one content: if
the amounts change, the discrepancy is open again. What is absent still waits for an explanation,
but stops nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import Address, Hash32, Timestamp
from reconciliation.discrepancy import AgeBucket, Place, age_bucket
from reconciliation.errors import BadResolution
from reconciliation.runbook import SEVERITIES


class Status(StrEnum):
    """Where a discrepancy stands."""

    OPEN = "open"
    EXPLAINED = "explained"
    ABSENT = "absent"
    RESOLVED = "resolved"


LIVE = (Status.OPEN, Status.EXPLAINED)
"""While it is one of these, its asset does not tie out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a discrepancy of this content is right as it is, by one person."""

    id: int
    content_digest: Hash32
    maker: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step in the life of a discrepancy; `at` is chain time.

    A run makes it (`run`), or a person (`by`). `entry_id` is the entry that resolved it.
    """

    status: Status
    at: Timestamp
    run: int | None
    by: str | None
    entry_id: Hash32 | None
    explanation: Explanation | None
    recorded_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlace:
    """A run, by number, and the block that it compared."""

    run: int
    block_number: int
    timestamp: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A discrepancy with all that is known of it; `opened_at` is chain time."""

    id: Hash32
    kind: str
    severity: str
    owner: str
    status: Status
    subject: str
    asset: Address | None
    expected: str
    actual: str
    evidence: tuple[str, ...]
    place: Place
    content_digest: Hash32
    first_seen: RunPlace
    last_seen: RunPlace
    opened_at: Timestamp
    now: Timestamp
    explanation: Explanation | None

    @property
    def age(self) -> AgeBucket:
        """How long it has been open."""
        return age_bucket(self.opened_at, self.now)

    @property
    def order(self) -> tuple[int, int, bytes]:
        """Most severe first, then oldest."""
        rank = [one.value for one in SEVERITIES].index(self.severity)
        return rank, self.opened_at, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A status that a run gives to a discrepancy."""

    discrepancy_id: Hash32
    status: Status
    entry_id: Hash32 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """The status that a discrepancy has, with the explanation behind it."""

    status: Status
    explanation: Explanation | None


def steps_of_run(
    found: Mapping[Hash32, Hash32],
    known: Mapping[Hash32, Last],
    resolved_by: Mapping[Hash32, Hash32],
    *,
    is_complete: bool,
) -> list[Step]:
    """What a run changes.

    Args:
        found: content digests of what it found, by id.
        known: the status of everything that was found before.
        resolved_by: entries that answer what is found no more.
        is_complete: whether it compared everything; otherwise nothing is gone for it.
    """
    steps = [
        Step(discrepancy_id=one, status=Status.OPEN)
        for one, content in found.items()
        if not _still_stands(known.get(one), content)
    ]
    if is_complete:
        steps += [
            Step(
                discrepancy_id=one,
                status=Status.RESOLVED if one in resolved_by else Status.ABSENT,
                entry_id=resolved_by.get(one),
            )
            for one, last in known.items()
            if one not in found and last.status in LIVE
        ]
    return steps


def require_explainable(standing: Standing, maker: str, text: str) -> None:
    """Check that an explanation can be given.

    Raises:
        BadResolution: it is resolved, or something is left out.
    """
    if not maker.strip() or not text.strip():
        raise BadResolution("an explanation has an author and says something")
    if standing.status is Status.RESOLVED:
        raise BadResolution(f"discrepancy {standing.id} is resolved")


def require_resolvable(standing: Standing, checker: str) -> Explanation:
    """The explanation that a checker accepts.

    Raises:
        BadResolution: there is none, it is of other content, or both are one person.
    """
    explanation = standing.explanation
    if explanation is None or standing.status is Status.RESOLVED:
        raise BadResolution(f"discrepancy {standing.id} is {standing.status}: nothing to accept")
    if explanation.content_digest != standing.content_digest:
        raise BadResolution(f"discrepancy {standing.id} has changed since it was explained")
    if not checker.strip() or checker.strip().casefold() == explanation.maker.strip().casefold():
        raise BadResolution(f"who accepts must be another person than {explanation.maker}")
    return explanation


def _still_stands(last: Last | None, content: Hash32) -> bool:
    """Whether what was said of it holds for what is found now."""
    if last is None or last.status is Status.ABSENT:
        return False
    if last.status is Status.OPEN:
        return True
    return last.explanation is not None and last.explanation.content_digest == content
