"""Seals over HTTP: what the database says of them, and of what is under them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from api.adapters.snapshot import Snapshot
from contracts.evm import Epoch, Hash32, Timestamp
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.seals import SealRow, seal_of
from settlement.ledger.seal import PeriodClose, Seal


@dataclass(frozen=True, slots=True)
class _LeafRow:
    leaf: bytes


class SealedClose(NamedTuple):
    """A closed month under a seal, and its leaf there; who closed it is not published."""

    period: int
    leaf: Hash32


@dataclass(frozen=True, slots=True)
class _CloseRow:
    epoch: int
    period: int
    closed_by: str
    booked_at: int
    recorded_at_us: int


_SEALS = """
    SELECT epoch, first_sequence, last_sequence, closes, ends_at, previous, root FROM ledger_seal
    WHERE chain_id = %(chain_id)s AND contract = %(contract)s AND epoch > %(after)s
    ORDER BY epoch LIMIT %(limit)s
"""

_LEAVES = """
    SELECT leaf FROM ledger_link
    WHERE chain_id = %(chain_id)s AND contract = %(contract)s
      AND sequence BETWEEN %(first)s AND %(last)s
    ORDER BY sequence
"""

_CLOSES = """
    SELECT s.epoch, c.period, c.closed_by, c.booked_at,
           (extract(epoch FROM c.recorded_at) * 1000000)::bigint AS recorded_at_us
    FROM (
        SELECT period, closed_by, booked_at, recorded_at, row_number() OVER (ORDER BY period) AS n
        FROM ledger_period_close WHERE chain_id = %(chain_id)s AND contract = %(contract)s
    ) c JOIN (
        SELECT epoch, closes, sum(closes) OVER (ORDER BY epoch) AS upto FROM ledger_seal
        WHERE chain_id = %(chain_id)s AND contract = %(contract)s
    ) s ON c.n > s.upto - s.closes AND c.n <= s.upto
    WHERE s.epoch = ANY(%(epochs)s::bigint[]) ORDER BY c.period
"""


async def read_seals(reads: Snapshot, book: Book, *, after: int, limit: int) -> list[Seal]:
    """The seals of later epochs, oldest first."""
    values = _scope(book) | {"after": after, "limit": limit}
    return [seal_of(row) for row in await reads.rows(SealRow, _SEALS, values)]


async def read_seal(reads: Snapshot, book: Book, epoch: int) -> Seal | None:
    """The seal of an epoch."""
    found = await read_seals(reads, book, after=epoch - 1, limit=1)
    return found[0] if found and found[0].epoch == epoch else None


async def read_leaves(reads: Snapshot, book: Book, seal: Seal) -> list[Hash32]:
    """The leaves of all entries under a seal, in order; those of closed months follow them."""
    values = _scope(book) | {"first": seal.first_sequence, "last": seal.last_sequence}
    rows = await reads.rows(_LeafRow, _LEAVES, values, is_binary=True)
    return [Hash32(row.leaf) for row in rows]


async def read_closes(
    reads: Snapshot, book: Book, seals: Sequence[Seal]
) -> dict[Epoch, list[SealedClose]]:
    """The closed months under each of these seals that has any, in order."""
    epochs = [seal.epoch for seal in seals if seal.closes]
    found: dict[Epoch, list[SealedClose]] = {}
    for row in await reads.rows(_CloseRow, _CLOSES, _scope(book) | {"epochs": epochs}):
        close = PeriodClose(row.period, row.closed_by, Timestamp(row.booked_at), row.recorded_at_us)
        found.setdefault(Epoch(row.epoch), []).append(SealedClose(row.period, close.leaf(book)))
    return found


def _scope(book: Book) -> dict[str, object]:
    return {"chain_id": book.chain_id, "contract": bytes(book.contract)}
