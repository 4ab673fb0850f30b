"""Recorded runs of one settlement, and the register of everything that they found."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, or_, select, text

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, Timestamp
from reconciliation.adapters.tables import DISCREPANCY, EXPLANATION, RUN, TRANSITION
from reconciliation.discrepancy import Discrepancy, Place
from reconciliation.errors import UnknownDiscrepancy
from reconciliation.ports import Run
from reconciliation.register import (
    LIVE,
    Explanation,
    Last,
    RunPlace,
    Standing,
    Status,
    Transition,
    require_explainable,
    require_resolvable,
    steps_of_run,
)
from reconciliation.runbook import RULES
from settlement.ledger.adapters.tables import REWIND

Resolution = Callable[[Standing], Hash32 | None]
"""The entry that answers a discrepancy that is found no more."""

_STANDING = """
    SELECT * FROM reconciliation_register WHERE chain_id = :chain_id AND contract = :contract
"""


class SqlRegister:
    """Serves `ports.Runs`; each method is one transaction."""

    def __init__(self, engine: Engine, chain_id: ChainId, contract: Address) -> None:
        self._engine = engine
        self._key = {"chain_id": chain_id, "contract": contract}
        self._is_ours = (RUN.c.chain_id == chain_id, RUN.c.contract == contract)

    def record(self, run: Run, resolution: Resolution) -> int:
        """Store a run with its discrepancies, and what follows for their status; its number."""
        with self._engine.begin() as connection:
            before = {one.id: one for one in _standing(connection, self._key)}
            number = int(
                connection.execute(
                    insert(RUN).values(self._run_row(run)).returning(RUN.c.id)
                ).scalar_one()
            )
            rows = [_row(number, place, one) for place, one in enumerate(run.discrepancies)]
            if rows:
                connection.execute(insert(DISCREPANCY), rows)
            found = {one.id: one.content_digest for one in run.discrepancies}
            gone = [one for key, one in before.items() if key not in found and one.status in LIVE]
            answers = {one.id: entry for one in gone if (entry := resolution(one)) is not None}
            steps = steps_of_run(
                found,
                {
                    key: Last(status=one.status, explanation=one.explanation)
                    for key, one in before.items()
                },
                answers,
                is_complete=run.is_complete,
            )
            for step in steps:
                connection.execute(
                    insert(TRANSITION).values(
                        **self._key,
                        discrepancy_id=step.discrepancy_id,
                        status=step.status.value,
                        at=run.block.timestamp,
                        run_id=number,
                        entry_id=step.entry_id,
                    )
                )
        return number

    def standing(self, statuses: Collection[Status] = tuple(Status)) -> list[Standing]:
        """Everything that was ever found and has one of these statuses; most severe first."""
        with self._engine.connect() as connection:
            found = _standing(connection, self._key)
        return sorted((one for one in found if one.status in statuses), key=lambda one: one.order)

    def one(self, discrepancy_id: Hash32) -> Standing:
        """A discrepancy by id.

        Raises:
            UnknownDiscrepancy: it was never found.
        """
        with self._engine.connect() as connection:
            return self._one(connection, discrepancy_id)

    def transitions(self, discrepancy_id: Hash32) -> list[Transition]:
        """The history of a discrepancy, oldest first."""
        query = (
            select(TRANSITION, EXPLANATION.c.maker, EXPLANATION.c.explanation)
            .add_columns(EXPLANATION.c.content_digest)
            .outerjoin(EXPLANATION, EXPLANATION.c.id == TRANSITION.c.explanation_id)
            .where(*(TRANSITION.c[name] == value for name, value in self._key.items()))
            .where(TRANSITION.c.discrepancy_id == discrepancy_id)
            .order_by(TRANSITION.c.id)
        )
        with self._engine.connect() as connection:
            return [_transition(row) for row in connection.execute(query)]

    def explain(self, discrepancy_id: Hash32, *, maker: str, words: str) -> Standing:
        """Give an explanation; another person has to accept it.

        Raises:
            UnknownDiscrepancy, BadResolution: the register does not take it.
        """
        with self._engine.begin() as connection:
            standing = self._one(connection, discrepancy_id)
            require_explainable(standing, maker, words)
            values = self._key | {
                "discrepancy_id": discrepancy_id,
                "content_digest": standing.content_digest,
                "maker": maker.strip(),
                "explanation": words.strip(),
            }
            number = connection.execute(
                insert(EXPLANATION).values(values).returning(EXPLANATION.c.id)
            ).scalar_one()
            self._step(connection, standing, Status.EXPLAINED, number, maker)
            return self._one(connection, discrepancy_id)

    def resolve(self, discrepancy_id: Hash32, *, checker: str) -> Standing:
        """Accept the explanation that another person gave.

        Raises:
            UnknownDiscrepancy, BadResolution: the register does not take it.
        """
        with self._engine.begin() as connection:
            standing = self._one(connection, discrepancy_id)
            explanation = require_resolvable(standing, checker)
            self._step(connection, standing, Status.RESOLVED, explanation.id, checker)
            return self._one(connection, discrepancy_id)

    def last_clean_block(self) -> BlockNumber | None:
        """The highest block of a run that found nothing, of runs since the last rewind."""
        rewound = (
            select(func.max(REWIND.c.recorded_at))
            .where(*(REWIND.c[name] == value for name, value in self._key.items()))
            .scalar_subquery()
        )
        query = select(func.max(RUN.c.block_number)).where(
            *self._is_ours,
            RUN.c.discrepancies == 0,
            or_(rewound.is_(None), RUN.c.recorded_at > rewound),
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def latest(self) -> tuple[int, BlockRef] | None:
        """The newest run's number and block."""
        query = select(RUN).where(*self._is_ours).order_by(RUN.c.id.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return row.id, BlockRef(
            number=row.block_number,
            hash=row.block_hash,
            parent_hash=row.parent_hash,
            timestamp=row.block_timestamp,
        )

    def _one(self, connection: Connection, discrepancy_id: Hash32) -> Standing:
        for one in _standing(connection, self._key):
            if one.id == discrepancy_id:
                return one
        raise UnknownDiscrepancy(discrepancy_id)

    def _step(
        self,
        connection: Connection,
        standing: Standing,
        status: Status,
        explanation_id: int,
        by: str,
    ) -> None:
        connection.execute(
            insert(TRANSITION).values(
                **self._key,
                discrepancy_id=standing.id,
                status=status.value,
                at=standing.now,
                person=by.strip(),
                explanation_id=explanation_id,
            )
        )

    def _run_row(self, run: Run) -> dict[str, Any]:
        return self._key | {
            "block_number": run.block.number,
            "block_hash": run.block.hash,
            "parent_hash": run.block.parent_hash,
            "block_timestamp": run.block.timestamp,
            "checks": run.checks,
            "discrepancies": len(run.discrepancies),
            "lines": run.lines,
            "endpoints": run.endpoints,
            "proven": run.proven,
            "stated": run.stated,
        }


def _row(run: int, ordinal: int, one: Discrepancy) -> dict[str, Any]:
    rule = RULES[one.kind]
    return {
        "run_id": run,
        "ordinal": ordinal,
        "discrepancy_id": one.id,
        "kind": one.kind.value,
        "subject": one.subject,
        "expected": one.expected,
        "actual": one.actual,
        "evidence": list(one.evidence),
        "severity": rule.severity.value,
        "owner": rule.owner.value,
        "asset": one.asset,
        "content_digest": one.content_digest,
        "transaction_hash": one.place.transaction_hash,
        "at_block": one.place.block_number,
        "at_block_hash": one.place.block_hash,
        "log_index": one.place.log_index,
        "entry_id": one.place.entry_id,
    }


def _standing(connection: Connection, key: Mapping[str, Any]) -> list[Standing]:
    values = {"chain_id": key["chain_id"], "contract": bytes(key["contract"])}
    return [_stands(row) for row in connection.execute(text(_STANDING), values)]


def _stands(row: Row[Any]) -> Standing:
    explanation = None
    if row.explanation_id is not None:
        explanation = Explanation(
            id=row.explanation_id,
            content_digest=Hash32(row.explained_digest),
            maker=row.maker,
            text=row.explanation,
        )
    return Standing(
        id=Hash32(row.discrepancy_id),
        kind=row.kind,
        severity=row.severity,
        owner=row.owner,
        status=Status(row.status),
        subject=row.subject,
        asset=None if row.asset is None else Address(row.asset),
        expected=row.expected,
        actual=row.actual,
        evidence=tuple(row.evidence),
        place=Place(
            transaction_hash=_hash(row.transaction_hash),
            block_number=row.at_block,
            block_hash=_hash(row.at_block_hash),
            log_index=row.log_index,
            entry_id=_hash(row.entry_id),
        ),
        content_digest=Hash32(row.content_digest),
        first_seen=RunPlace(
            run=row.first_run,
            block_number=row.first_block,
            timestamp=Timestamp(row.first_timestamp),
        ),
        last_seen=RunPlace(
            run=row.last_run,
            block_number=row.last_block,
            timestamp=Timestamp(row.last_timestamp),
        ),
        opened_at=Timestamp(row.opened_at),
        now=Timestamp(row.now),
        explanation=explanation,
    )


def _transition(row: Row[Any]) -> Transition:
    explanation = None
    if row.explanation_id is not None:
        explanation = Explanation(
            id=row.explanation_id,
            content_digest=row.content_digest,
            maker=row.maker,
            text=row.explanation,
        )
    return Transition(
        status=Status(row.status),
        at=Timestamp(row.at),
        run=row.run_id,
        by=row.person,
        entry_id=row.entry_id,
        explanation=explanation,
        recorded_at=row.recorded_at.isoformat(),
    )


def _hash(value: bytes | None) -> Hash32 | None:
    return None if value is None else Hash32(value)
