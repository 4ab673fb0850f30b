"""Whose fees went into which works of a computed epoch."""

from collections.abc import Collection

from sqlalchemy import Connection, LargeBinary, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.evm import Address, Hash32
from settlement.royalties.adapters.tables import COMPUTED_CREDIT


def works_funded_by(
    connection: Connection,
    manifest_digest: Hash32,
    asset: Address,
    subscribers: Collection[Address],
) -> list[tuple[Address, Hash32]]:
    """Pairs of subscriber and work, where something of the subscriber's fee was credited."""
    table = COMPUTED_CREDIT.c
    wanted = any_(literal([bytes(one) for one in subscribers], ARRAY(LargeBinary)))
    query = (
        select(table.subscriber, table.work_id)
        .where(table.manifest_digest == manifest_digest, table.asset == asset)
        .where(table.subscriber == wanted, table.credited > 0)
        .distinct()
    )
    return [(row[0], row[1]) for row in connection.execute(query)]
