"""Which subscriptions some accounts had a part in: as the one who paid, or as the subscriber."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, LargeBinary, any_, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from contracts.addresses import Settlement
from contracts.events import SUBSCRIBED
from contracts.evm import Address, BlockRef, Epoch
from indexer.adapters.tables import FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidSubscription:
    """Money for one epoch: whose subscription it was, and who paid it."""

    epoch: Epoch
    asset: Address
    subscriber: Address
    payer: Address


def subscriptions_touched_by(
    connection: Connection,
    settlement: Settlement,
    accounts: Collection[Address],
    *,
    epochs: Collection[Epoch],
    upto: BlockRef,
) -> list[PaidSubscription]:
    """Subscriptions for these epochs that one of these accounts paid or had; each pair once.

    The caller's snapshot must have `upto` in the index.
    """
    facts = FACTS[SUBSCRIBED.table].c
    wanted = any_(literal([bytes(one) for one in accounts], ARRAY(LargeBinary)))
    query = (
        select(facts.epoch, facts.asset, facts.subscriber, facts.payer)
        .where(facts.chain_id == settlement.chain_id)
        .where(facts.address == settlement.contracts[SUBSCRIBED.contract])
        .where(facts.epoch.in_(list(epochs)), facts.block_number <= upto.number)
        .where(or_(facts.subscriber == wanted, facts.payer == wanted))
        .distinct()
    )
    return [
        PaidSubscription(epoch=Epoch(row[0]), asset=row[1], subscriber=row[2], payer=row[3])
        for row in connection.execute(query)
    ]
