"""Roots that we computed, by manifest digest."""

from collections.abc import Collection

from sqlalchemy import Engine, select

from contracts.evm import Hash32
from settlement.royalties.adapters.tables import COMPUTED_EPOCH


class SqlComputedRoots:
    """Serves `reconcile.ComputedRoots`; computed epochs are never changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def roots(self, manifest_digests: Collection[Hash32]) -> dict[Hash32, Hash32]:
        """Roots by manifest digest, as far as they are known."""
        table = COMPUTED_EPOCH
        query = select(table.c.manifest_digest, table.c.root).where(
            table.c.manifest_digest.in_(list(manifest_digests))
        )
        with self._engine.connect() as connection:
            return {row.manifest_digest: row.root for row in connection.execute(query)}
