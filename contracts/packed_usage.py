"""Usage and subscriptions of an epoch as packed columns: no object per row.

`batches` holds the same events as lists; these are for epochs of millions of rows. Ids are rows of
bytes. The order of a batch means nothing: whoever needs chain order sorts by (block, log).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]
ByteRows: TypeAlias = NDArray[np.uint8]
"""Bytes of fixed width, (n, width)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedUsage:
    """`ConsumptionSubmitted` events of n rows each: scalars (m,), inner arrays (m, n).

    n is zero for submissions without rows, or whose inner arrays differ in length: no row of them
    can be read.
    """

    block_number: Integers
    log_index: Integers
    submitter: ByteRows
    tier_id: ByteRows
    part: Integers
    work_id: ByteRows
    minutes_played: Integers
    plays: Integers

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedPseudonyms:
    """The pseudonyms (m, n, 32) of `ConsumptionSubmitted` events of n pseudonyms each."""

    submitter: ByteRows
    pseudonym: ByteRows

    def __len__(self) -> int:
        return len(self.submitter)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedSubscriptions:
    """`Subscribed` events; amounts are Python's integers."""

    subscriber: ByteRows
    tier_id: ByteRows
    asset: ByteRows
    amount: list[int]

    def __len__(self) -> int:
        return len(self.amount)
