"""Reading which attempts at epochs are stored, and what each came to."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32
from settlement.royalties.adapters.tables import COMPUTED_EPOCH, COMPUTED_QUARANTINE


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedAttempt:
    """One stored attempt at an epoch."""

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32
    leaf_count: int


class ComputedAttempts:
    """Stored attempts; a view inside one transaction of the caller."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_settlement(self, chain_id: ChainId, contract: Address) -> list[ComputedAttempt]:
        """All attempts, ascending by (epoch, attempt)."""
        return self._attempts(chain_id, contract)

    def above(
        self, number: BlockNumber, *, chain_id: ChainId, contract: Address
    ) -> list[ComputedAttempt]:
        """Attempts with a reference block above this one, ascending by (epoch, attempt)."""
        place = COMPUTED_EPOCH.c.reference_block > number
        return self._attempts(chain_id, contract, place)

    def latest(self, chain_id: ChainId, contract: Address) -> ComputedAttempt | None:
        """The newest attempt at the highest epoch."""
        attempts = self.of_settlement(chain_id, contract)
        return attempts[-1] if attempts else None

    def manifest(self, manifest_digest: Hash32) -> bytes | None:
        """The bytes of a manifest that we computed."""
        statement = select(COMPUTED_EPOCH.c.manifest).filter_by(manifest_digest=manifest_digest)
        manifest: bytes | None = self._connection.execute(statement).scalar_one_or_none()
        return manifest

    def quarantined(self, manifest_digest: Hash32) -> Mapping[str, int]:
        """How many rows were quarantined, by reason code."""
        table = COMPUTED_QUARANTINE
        rows = self._connection.execute(
            select(table.c.reason, func.count().label("rows"))
            .where(table.c.manifest_digest == manifest_digest)
            .group_by(table.c.reason)
            .order_by(table.c.reason)
        )
        return {row.reason: row.rows for row in rows}

    def _attempts(
        self, chain_id: ChainId, contract: Address, *conditions: ColumnElement[bool]
    ) -> list[ComputedAttempt]:
        table = COMPUTED_EPOCH
        rows = self._connection.execute(
            select(table)
            .filter_by(chain_id=chain_id, contract=contract)
            .where(*conditions)
            .order_by(table.c.epoch, table.c.attempt)
        )
        return [
            ComputedAttempt(
                epoch=Epoch(row.epoch),
                attempt=row.attempt,
                manifest_digest=row.manifest_digest,
                root=row.root,
                leaf_count=row.leaf_count,
            )
            for row in rows
        ]
