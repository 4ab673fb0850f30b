"""Accepted distributions, with the root that their own leaves hash to."""

from collections.abc import Collection

from sqlalchemy import Engine, select

from contracts.addresses import Settlement
from contracts.evm import Hash32
from contracts.leaves import leaf_hash
from reconciliation.ports import Document
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.adapters.tables import COMPUTED_EPOCH
from settlement.royalties.tree_flat import flat_tree


class SqlDocuments:
    """Serves `ports.Documents`; computed epochs are never changed."""

    def __init__(self, engine: Engine, settlement: Settlement) -> None:
        self._engine, self._settlement = engine, settlement

    def of(self, manifest_digests: Collection[Hash32]) -> dict[Hash32, Document]:
        """Documents by manifest digest, as far as they are known."""
        found: dict[Hash32, Document] = {}
        with self._engine.connect() as connection:
            for digest in manifest_digests:
                stored_root = connection.execute(
                    select(COMPUTED_EPOCH.c.root).filter_by(manifest_digest=digest)
                ).scalar_one_or_none()
                if stored_root is None:
                    continue
                leaves = ComputedEpochs(connection).leaves(digest)
                hashes = [
                    leaf_hash(
                        leaf,
                        chain_id=self._settlement.chain_id,
                        contract=self._settlement.payouts,
                    )
                    for leaf in leaves
                ]
                found[digest] = Document(
                    root=flat_tree(hashes).root, stored_root=stored_root, leaves=leaves
                )
        return found
