"""Reads of the register of discrepancies: what was ever found, and what became of it."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import scope_of
from api.schemas.reconciliation import ExplanationOut, RegisteredOut, TransitionOut
from contracts.addresses import Settlement
from contracts.evm import Hash32, Timestamp
from reconciliation.discrepancy import Kind, age_bucket
from reconciliation.runbook import RULES, reproduction


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterFilter:
    """Which discrepancies are wanted; None means all."""

    status: str | None = None
    kind: str | None = None
    severity: str | None = None
    asset: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRow:
    """One discrepancy, as it was found last; `rank` is that of its severity."""

    id: bytes
    kind: str
    severity: str
    owner: str
    status: str
    subject: str
    asset: bytes | None
    expected: str
    actual: str
    evidence: list[str]
    transaction_hash: bytes | None
    block_number: int | None
    block_hash: bytes | None
    log_index: int | None
    entry_id: bytes | None
    first_run: int
    first_block: int
    last_run: int
    last_block: int
    opened_at: int
    maker: str | None
    explanation: str | None
    rank: int
    now: int

    def shown(self, settlement: Settlement) -> RegisteredOut:
        """The discrepancy as it is answered."""
        same = [one.name for one in fields(self) if one.name in RegisteredOut.model_fields]
        values = {name: getattr(self, name) for name in same}
        explanation = None
        if self.maker is not None and self.explanation is not None:
            explanation = ExplanationOut(maker=self.maker, text=self.explanation)
        return RegisteredOut.model_validate(
            values
            | {
                "age_days": age_bucket(Timestamp(self.opened_at), Timestamp(self.now)).value,
                "runbook": RULES[Kind(self.kind)].line,
                "reproduce": reproduction(settlement.name, Hash32(self.id)),
                "explanation": explanation,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRow:
    """One step of a discrepancy."""

    status: str
    at: int
    run: int | None
    by: str | None
    entry_id: bytes | None
    maker: str | None
    explanation: str | None
    recorded_at: datetime

    def shown(self) -> TransitionOut:
        """The step as it is answered."""
        explanation = None
        if self.maker is not None and self.explanation is not None:
            explanation = ExplanationOut(maker=self.maker, text=self.explanation)
        return TransitionOut(
            status=self.status,
            at=self.at,
            run=self.run,
            by=self.by,
            entry_id=None if self.entry_id is None else Hash32(self.entry_id),
            explanation=explanation,
            recorded_at=self.recorded_at.astimezone(UTC).isoformat(),
        )


_COLUMNS = """
    SELECT discrepancy_id AS id, kind, severity, owner, status, subject, asset, expected, actual,
           evidence, transaction_hash, at_block AS block_number, at_block_hash AS block_hash,
           log_index, entry_id, first_run, first_block, last_run, last_block, opened_at, maker,
           explanation, rank, now
    FROM reconciliation_register
    WHERE chain_id = %(chain_id)s AND contract = %(payouts)s
"""

_PAGE = (
    _COLUMNS
    + """
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(severity)s::text IS NULL OR severity = %(severity)s)
      AND (%(asset)s::bytea IS NULL OR asset = %(asset)s)
      AND (rank, opened_at, discrepancy_id)
          > (%(rank)s, %(opened_at)s, %(id)s::bytea)
    ORDER BY rank, opened_at, discrepancy_id LIMIT %(limit)s
"""
)

_ONE = _COLUMNS + " AND discrepancy_id = %(id)s"

_HISTORY = """
    SELECT t.status, t.at, t.run_id AS run, t.person AS by, t.entry_id, e.maker, e.explanation,
           t.recorded_at
    FROM reconciliation_transition t
    LEFT JOIN reconciliation_explanation e ON e.id = t.explanation_id
    WHERE t.chain_id = %(chain_id)s AND t.contract = %(payouts)s AND t.discrepancy_id = %(id)s
    ORDER BY t.id
"""

RegisterKey = tuple[int, int, bytes]
"""Rank of the severity, time of opening, id: the order of the register."""


async def read_register(
    reads: Snapshot,
    settlement: Settlement,
    wanted: RegisterFilter,
    *,
    after: RegisterKey,
    limit: int,
) -> list[RegisterRow]:
    """Discrepancies that match, in order, after a key."""
    values = scope_of(settlement) | {
        "status": wanted.status,
        "kind": wanted.kind,
        "severity": wanted.severity,
        "asset": wanted.asset,
        "rank": after[0],
        "opened_at": after[1],
        "id": after[2],
        "limit": limit,
    }
    return await reads.rows(RegisterRow, _PAGE, values)


async def read_registered(
    reads: Snapshot, settlement: Settlement, discrepancy_id: Hash32
) -> RegisterRow | None:
    """One discrepancy."""
    values = scope_of(settlement) | {"id": bytes(discrepancy_id)}
    return await reads.row(RegisterRow, _ONE, values)


async def read_history(
    reads: Snapshot, settlement: Settlement, discrepancy_id: Hash32
) -> list[TransitionRow]:
    """What became of a discrepancy, oldest first."""
    values = scope_of(settlement) | {"id": bytes(discrepancy_id)}
    return await reads.rows(TransitionRow, _HISTORY, values)
