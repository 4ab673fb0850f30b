"""Logs that were cut out of an answer's bytes before it was parsed, and what stands in their place.

Where logs follow each other with nothing but a comma between, one place holder stands for all:
`["~",first,count]`, an array that no log can be. Only the reader of the rest knows which of its
arrays are lists of logs; it hands them to `arranged`, which accepts no answer unless every log that
was cut out is asked for once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from indexer.adapters.answer_fields import NotTheSchema
from indexer.logs import Integers, LogBatch, spread

MARK = "~"
"""A text that the rest of an answer holds in place holders only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutLogs:
    """Logs, and answers without them.

    Attributes:
        rests: the answers, in their order, with place holders.
        batches: the logs in no order.
        rows: for every log, in the order of the answers' bytes, its place in the batches together.
    """

    rests: Sequence[bytes]
    batches: Sequence[LogBatch]
    rows: Integers


NOTHING_CUT = CutLogs(rests=(), batches=(), rows=np.empty(0, dtype=np.int64))
"""What answers that were parsed whole are read with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """Lists of logs with their place holders resolved.

    Attributes:
        counts: how many logs each list has.
        rows: the logs of all lists, one after the other: places in the batches of `CutLogs` with
            the `objects` after them.
        objects: what is no place holder, in order; nothing in it is checked.
    """

    counts: Integers
    rows: Integers
    objects: Sequence[object]


def place_holder(first: int, count: int) -> bytes:
    """What stands for `count` logs from the `first` on, in the order of the bytes."""
    return b'["%s",%d,%d]' % (MARK.encode(), first, count)


def arranged(lists: Sequence[list[object]], cut: CutLogs) -> Arranged:
    """What these arrays hold, if they are all arrays of logs that the answers have.

    Raises:
        NotTheSchema: a log that was cut out is not in one of the lists once, but elsewhere.
    """
    objects: list[object] = []
    firsts: list[int] = []
    counts: list[int] = []
    for item in chain.from_iterable(lists):
        if type(item) is list and len(item) == 3 and item[0] == MARK:
            firsts.append(item[1])
            counts.append(item[2])
        else:
            firsts.append(len(cut.rows) + len(objects))
            counts.append(1)
            objects.append(item)
    if sum(counts) != len(cut.rows) + len(objects):
        raise NotTheSchema("logs", sum(counts), f"all of {len(cut.rows)} logs, in lists of logs")
    places = np.concatenate((cut.rows, np.arange(len(objects)) + len(cut.rows)))
    lengths = np.array(counts, dtype=np.int64)
    upto = np.concatenate(([0], np.cumsum(lengths)))
    ends = np.cumsum(np.array([len(one) for one in lists], dtype=np.int64))
    starts = np.concatenate(([0], ends[:-1])) if len(ends) else ends
    return Arranged(
        counts=upto[ends] - upto[starts],
        rows=places[spread(np.array(firsts, dtype=np.int64), lengths)],
        objects=objects,
    )
