"""Reads of reconciliations: runs, and what they found."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import scope_of
from api.fields import UINT64_MAX
from api.schemas.envelope import Block
from api.schemas.reconciliation import DiscrepancyOut, RunOut
from contracts.addresses import Settlement
from contracts.evm import Hash32
from reconciliation.discrepancy import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One recorded run."""

    id: int
    block_number: int
    block_hash: bytes
    block_timestamp: int
    checks: int
    discrepancies: int
    lines: int
    endpoints: int
    proven: int
    stated: int
    recorded_at: datetime

    @property
    def block(self) -> Block:
        """The finalized block at which books and chain were compared."""
        return Block(
            number=self.block_number,
            hash=Hash32(self.block_hash),
            timestamp=self.block_timestamp,
        )

    def shown(self) -> RunOut:
        """The run as it is answered."""
        return RunOut(
            run=self.id,
            block=self.block,
            checks=self.checks,
            discrepancies=self.discrepancies,
            lines=self.lines,
            endpoints=self.endpoints,
            proven=self.proven,
            stated=self.stated,
            recorded_at=self.recorded_at.astimezone(UTC).isoformat(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """A discrepancy, with its place in its run."""

    ordinal: int
    id: bytes
    kind: str
    subject: str
    expected: str
    actual: str
    evidence: list[str]
    since_block: int
    severity: str | None
    owner: str | None
    asset: bytes | None
    transaction_hash: bytes | None
    block_number: int | None
    block_hash: bytes | None
    log_index: int | None
    entry_id: bytes | None

    def shown(self) -> DiscrepancyOut:
        """The discrepancy as it is answered."""
        return DiscrepancyOut.model_validate(self, from_attributes=True)


@dataclass(frozen=True, slots=True)
class _KindCount:
    kind: str
    count: int


_RUNS = """
    SELECT id, block_number, block_hash, block_timestamp, checks, discrepancies, lines,
           endpoints, proven, stated, recorded_at
    FROM reconciliation_run
    WHERE chain_id = %(chain_id)s AND contract = %(payouts)s AND id < %(before)s
    ORDER BY id DESC LIMIT %(limit)s
"""

_RUN = """
    SELECT id, block_number, block_hash, block_timestamp, checks, discrepancies, lines,
           endpoints, proven, stated, recorded_at
    FROM reconciliation_run
    WHERE chain_id = %(chain_id)s AND contract = %(payouts)s AND id = %(run)s
"""

_FOUND = """
    SELECT d.ordinal, d.discrepancy_id AS id, d.kind, d.subject, d.expected, d.actual, d.evidence,
           d.severity, d.owner, d.asset, d.transaction_hash, d.at_block AS block_number,
           d.at_block_hash AS block_hash, d.log_index, d.entry_id,
           (SELECT min(r.block_number) FROM reconciliation_run r
            WHERE r.chain_id = %(chain_id)s AND r.contract = %(payouts)s AND r.id <= d.run_id
              AND r.id > coalesce((
                  SELECT max(w.id) FROM reconciliation_run w
                  WHERE w.chain_id = %(chain_id)s AND w.contract = %(payouts)s
                    AND w.id < d.run_id AND NOT EXISTS (
                        SELECT FROM reconciliation_discrepancy same
                        WHERE same.run_id = w.id AND same.discrepancy_id = d.discrepancy_id)
              ), 0)) AS since_block
    FROM reconciliation_discrepancy d
    WHERE d.run_id = %(run)s AND d.ordinal > %(after)s
    ORDER BY d.ordinal LIMIT %(limit)s
"""

_KINDS = """
    SELECT kind, count(*) AS count FROM reconciliation_discrepancy
    WHERE run_id = %(run)s GROUP BY kind
"""


async def read_runs(
    reads: Snapshot, settlement: Settlement, *, before: int, limit: int
) -> list[RunRow]:
    """Runs with a number below `before`, newest first."""
    values = scope_of(settlement) | {"before": before, "limit": limit}
    return await reads.rows(RunRow, _RUNS, values)


async def read_run(reads: Snapshot, settlement: Settlement, run: int) -> RunRow | None:
    """A run of this settlement."""
    return await reads.row(RunRow, _RUN, scope_of(settlement) | {"run": run})


async def read_found(
    reads: Snapshot, settlement: Settlement, run: int, *, after: int, limit: int
) -> list[FoundRow]:
    """Discrepancies of a run whose place is above `after`."""
    values = scope_of(settlement) | {"run": run, "after": after, "limit": limit}
    return await reads.rows(FoundRow, _FOUND, values)


async def read_kinds(reads: Snapshot, settlement: Settlement) -> dict[str, int]:
    """How many discrepancies of each kind the newest run found; empty if there was none.

    A kind that was not found counts zero: a monitor cannot watch a number that is not there.
    """
    newest = await read_runs(reads, settlement, before=UINT64_MAX, limit=1)
    if not newest:
        return {}
    rows = await reads.rows(_KindCount, _KINDS, {"run": newest[0].id})
    return dict.fromkeys((kind.value for kind in Kind), 0) | {row.kind: row.count for row in rows}
