"""Recorded runs of one settlement."""

from sqlalchemy import Connection, Engine, func, insert, or_, select

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32
from reconciliation.adapters.tables import DISCREPANCY, RUN
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.reconcile import Run
from settlement.ledger.adapters.tables import REWIND


class SqlRuns:
    """Serves `reconcile.Runs`; each method is one transaction."""

    def __init__(self, engine: Engine, chain_id: ChainId, contract: Address) -> None:
        self._engine = engine
        self._key = {"chain_id": chain_id, "contract": contract}
        self._is_ours = (RUN.c.chain_id == chain_id, RUN.c.contract == contract)
        self._is_rewound = (REWIND.c.chain_id == chain_id, REWIND.c.contract == contract)

    def record(self, run: Run) -> int:
        """Store a run with its discrepancies; its number."""
        values = self._key | {
            "block_number": run.block.number,
            "block_hash": run.block.hash,
            "parent_hash": run.block.parent_hash,
            "block_timestamp": run.block.timestamp,
            "checks": run.checks,
            "discrepancies": len(run.discrepancies),
        }
        with self._engine.begin() as connection:
            number = connection.execute(insert(RUN).values(values).returning(RUN.c.id)).scalar_one()
            rows = [
                {
                    "run_id": number,
                    "ordinal": ordinal,
                    "discrepancy_id": one.id,
                    "kind": one.kind.value,
                    "subject": one.subject,
                    "expected": one.expected,
                    "actual": one.actual,
                    "evidence": list(one.evidence),
                }
                for ordinal, one in enumerate(run.discrepancies)
            ]
            if rows:
                connection.execute(insert(DISCREPANCY), rows)
        return int(number)

    def last_clean_block(self) -> BlockNumber | None:
        """The highest block of a run that found nothing, of runs since the last rewind."""
        rewound = select(func.max(REWIND.c.recorded_at)).where(*self._is_rewound).scalar_subquery()
        query = select(func.max(RUN.c.block_number)).where(
            *self._is_ours,
            RUN.c.discrepancies == 0,
            or_(rewound.is_(None), RUN.c.recorded_at > rewound),
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def latest(self) -> tuple[int, Run] | None:
        """The newest run, with its number."""
        with self._engine.connect() as connection:
            query = select(RUN).where(*self._is_ours).order_by(RUN.c.id.desc()).limit(1)
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            block = BlockRef(
                number=row.block_number,
                hash=row.block_hash,
                parent_hash=row.parent_hash,
                timestamp=row.block_timestamp,
            )
            found = _discrepancies(connection, row.id)
            return row.id, Run(block=block, checks=row.checks, discrepancies=found)

    def open_since(self, discrepancy_id: Hash32) -> BlockNumber | None:
        """The block of the first run of the unbroken series that found it; None if it is closed."""
        has_it = (
            select(DISCREPANCY.c.run_id)
            .where(DISCREPANCY.c.run_id == RUN.c.id, DISCREPANCY.c.discrepancy_id == discrepancy_id)
            .exists()
        )
        last_without = (
            select(func.coalesce(func.max(RUN.c.id), 0))
            .where(*self._is_ours, ~has_it)
            .scalar_subquery()
        )
        query = select(func.min(RUN.c.block_number)).where(*self._is_ours, RUN.c.id > last_without)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()


def _discrepancies(connection: Connection, run_id: int) -> tuple[Discrepancy, ...]:
    query = (
        select(DISCREPANCY).where(DISCREPANCY.c.run_id == run_id).order_by(DISCREPANCY.c.ordinal)
    )
    return tuple(
        Discrepancy(
            kind=Kind(row.kind),
            subject=row.subject,
            expected=row.expected,
            actual=row.actual,
            evidence=tuple(row.evidence),
        )
        for row in connection.execute(query)
    )
