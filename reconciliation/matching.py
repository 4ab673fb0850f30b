"""Line by line: the entries that chain and documents cause, against those that the books have.

Both sides come in the order of their names, and are read once: nothing but what differs is kept. An
entry is named by its cause, so two entries of one name are one event.
"""

from collections.abc import Collection, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from reconciliation.movements import Expected, Movement


class Booked(NamedTuple):
    """A posted entry of the books; movements ascending."""

    source_id: bytes
    leg: int
    entry_id: bytes
    block_number: int | None
    block_hash: bytes | None
    effective_at: int
    movements: tuple[Movement, ...]


class Journal(Protocol):
    """The journal of one book."""

    def entries(self, source_kind: str) -> Generator[Booked]:
        """Posted entries of one kind of cause, ascending by source; close them when done."""
        ...


class WholeJournal(Journal, Protocol):
    """The same, with all that stands in it."""

    def kinds(self) -> Collection[str]:
        """The kinds of cause that its posted entries have."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What the comparison of two streams left: how many agree, and everything that does not."""

    agreeing: int
    differing: list[tuple[Expected, Booked]] = field(default_factory=list)
    only_expected: list[Expected] = field(default_factory=list)
    only_booked: list[Booked] = field(default_factory=list)


def match(expected: Iterable[Expected], booked: Iterable[Booked]) -> Matched:
    """Pair two streams that ascend by source id."""
    agreeing = 0
    differing: list[tuple[Expected, Booked]] = []
    only_expected: list[Expected] = []
    only_booked: list[Booked] = []
    theirs, ours = iter(expected), iter(booked)
    one, other = next(theirs, None), next(ours, None)
    last: bytes | None = None
    while one is not None or other is not None:
        if other is None or (one is not None and one.source_id < other.source_id):
            if one is not None:
                only_expected.append(one)
            one = next(theirs, None)
        elif one is None or other.source_id < one.source_id or other.source_id == last:
            only_booked.append(other)
            other = next(ours, None)
        else:
            if _agree(one, other):
                agreeing += 1
            else:
                differing.append((one, other))
            last = one.source_id
            one, other = next(theirs, None), next(ours, None)
    return Matched(
        agreeing=agreeing,
        differing=differing,
        only_expected=only_expected,
        only_booked=only_booked,
    )


def uncaused(book: WholeJournal, read: Collection[str]) -> Matched:
    """Posted entries of kinds of cause that are not read: nothing can have caused them here."""
    left: list[Booked] = []
    for kind in sorted(book.kinds()):
        if kind not in read:
            with closing(book.entries(kind)) as booked:
                left += booked
    return Matched(agreeing=0, only_booked=left)


def _agree(expected: Expected, booked: Booked) -> bool:
    is_there = expected.log is None or booked.block_hash == expected.log.block_hash
    return (
        is_there
        and booked.movements == expected.movements
        and booked.effective_at == expected.effective_at
    )
