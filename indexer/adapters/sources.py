"""Which contracts an index holds the events of: the list, and who may rely on it.

The list moves with the facts: it is written when an index begins, and when contracts are added to
it (`backfill.py`). So whoever finds a contract in it finds all its events up to the cursor, and
whoever does not has to wait, instead of taking "not indexed yet" for "no events".
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, func, insert, select, update

from contracts.event_spec import ContractName
from contracts.evm import Address, ChainId
from indexer.adapters.tables import (
    BACKFILL,
    BACKFILL_BLOCK,
    BACKFILL_LOG,
    CURSOR,
    INDEXED_SOURCE,
)
from indexer.errors import SourcesChanged
from indexer.plan import IndexedChain, sources_digest

Sources = Mapping[Address, ContractName]


def held_sources(db_tx: Connection, plan: IndexedChain) -> Sources:
    """The sources that the index holds: the planned ones, or those before some were added.

    An index without blocks, or of the planned sources, is listed, and nothing is being added to it.

    Raises:
        SourcesChanged: the index is of another start block, or holds a source that is not planned.
    """
    chain_id, wanted = plan.chain_id, plan.sources_digest
    stored = db_tx.execute(
        select(CURSOR.c.sources_digest).where(CURSOR.c.chain_id == chain_id)
    ).scalar()
    listed = _listed(db_tx, chain_id)
    if stored in {None, wanted}:
        drop_staged(db_tx, chain_id)
        if listed != dict(plan.sources):
            list_sources(db_tx, chain_id, plan.sources)
        return plan.sources
    is_listed = bool(listed) and sources_digest(plan.start_block, listed) == stored
    gone = [one for one in sorted(listed) if plan.sources.get(one) != listed[one]]
    if not is_listed or gone:
        named = [f"{one} ({listed[one].value})" for one in gone] if is_listed else []
        raise SourcesChanged(chain_id, stored=stored, configured=wanted, gone=named)
    return listed


def is_indexed(db_tx: Connection, chain_id: ChainId, addresses: Collection[Address]) -> bool:
    """Whether the facts hold all events of these contracts, up to the cursor.

    An index that was made before it had a list of its sources is believed to.
    """
    source = INDEXED_SOURCE.c
    among = func.count().filter(source.address.in_(addresses))
    query = select(func.count(), among).where(source.chain_id == chain_id)
    total, found = db_tx.execute(query).one()
    return total == 0 or found == len(set(addresses))


def list_sources(db_tx: Connection, chain_id: ChainId, sources: Sources) -> None:
    """Say which contracts the index holds from now on."""
    db_tx.execute(delete(INDEXED_SOURCE).where(INDEXED_SOURCE.c.chain_id == chain_id))
    rows = [
        {"chain_id": chain_id, "address": one, "contract": sources[one].value} for one in sources
    ]
    if rows:
        db_tx.execute(insert(INDEXED_SOURCE), rows)


def drop_staged(db_tx: Connection, chain_id: ChainId) -> None:
    """Forget what was fetched of contracts that were to be added."""
    for table in (BACKFILL_LOG, BACKFILL_BLOCK, BACKFILL):
        db_tx.execute(delete(table).where(table.c.chain_id == chain_id))


def lower_backfill(db_tx: Connection, chain_id: ChainId, to: int) -> None:
    """What is staged ends at a block, because all above it is taken back."""
    is_above = (BACKFILL.c.chain_id == chain_id) & (BACKFILL.c.number > to)
    db_tx.execute(update(BACKFILL).where(is_above).values(number=to))


def _listed(db_tx: Connection, chain_id: ChainId) -> dict[Address, ContractName]:
    source = INDEXED_SOURCE.c
    query = select(source.address, source.contract).where(source.chain_id == chain_id)
    return {row.address: ContractName(row.contract) for row in db_tx.execute(query)}
