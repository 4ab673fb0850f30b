"""Events of payment contracts that move money, as records in chain order: what books are made of.

The books of a payment contract are posted from its own events; those of the batch contract also
from transfers of indexed tokens to it, which it does not see.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, select

from contracts.addresses import Settlement
from contracts.event_spec import ContractName, EventSpec
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, LogRef, Timestamp
from contracts.payment_event_specs import (
    BATCH_FLOAT_RECEIVED,
    BATCH_LINE_PAID,
    BATCH_LINE_UNCLAIMED,
    BATCH_UNCLAIMED_WITHDRAWN,
    CONTENT_PAID,
    CONTENT_REFUNDED,
    RELAY_FEES_WITHDRAWN,
    RELAY_LINE_PAID,
    RELAY_LINE_UNCLAIMED,
    RELAY_UNCLAIMED_WITHDRAWN,
    TICKET_PAID,
    TICKET_REFUNDED,
    TIP_PAID,
    TIP_RECEIVED,
)
from contracts.payment_events import (
    ContentPaid,
    ContentRefunded,
    FeesWithdrawn,
    FloatReceived,
    LinePaid,
    LineUnclaimed,
    PaymentEvent,
    TicketPaid,
    TicketRefunded,
    TipPaid,
    TipReceived,
    TokensReceived,
    UnclaimedWithdrawn,
)
from indexer.adapters.reads import FactReads
from indexer.adapters.sources import is_indexed
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, FACTS


class _Kind(NamedTuple):
    spec: EventSpec
    record: Callable[..., PaymentEvent]


_KINDS: dict[ContractName, tuple[_Kind, ...]] = {
    ContractName.PAY_PER_VIEW_SPLITTER: (
        _Kind(CONTENT_PAID, ContentPaid),
        _Kind(CONTENT_REFUNDED, ContentRefunded),
    ),
    ContractName.TIP_SPLITTER: (_Kind(TIP_PAID, TipPaid),),
    ContractName.TICKET_SALE: (
        _Kind(TICKET_PAID, TicketPaid),
        _Kind(TICKET_REFUNDED, TicketRefunded),
    ),
    ContractName.TIP_RELAY: (
        _Kind(TIP_RECEIVED, TipReceived),
        _Kind(RELAY_FEES_WITHDRAWN, FeesWithdrawn),
        _Kind(RELAY_LINE_PAID, LinePaid),
        _Kind(RELAY_LINE_UNCLAIMED, LineUnclaimed),
        _Kind(RELAY_UNCLAIMED_WITHDRAWN, UnclaimedWithdrawn),
    ),
    ContractName.PAYOUT_BATCH: (
        _Kind(BATCH_FLOAT_RECEIVED, FloatReceived),
        _Kind(BATCH_LINE_PAID, LinePaid),
        _Kind(BATCH_LINE_UNCLAIMED, LineUnclaimed),
        _Kind(BATCH_UNCLAIMED_WITHDRAWN, UnclaimedWithdrawn),
    ),
}

BOOKED_CONTRACTS = tuple(_KINDS)
"""The payment contracts that money goes through."""


def finalized_hashes(
    connection: Connection, chain_id: ChainId, numbers: Collection[BlockNumber]
) -> dict[BlockNumber, Hash32]:
    """Hashes of those of the blocks that are final and indexed."""
    query = (
        select(BLOCK.c.number, BLOCK.c.hash)
        .join(CHAIN_FINALITY, CHAIN_FINALITY.c.chain_id == BLOCK.c.chain_id)
        .where(BLOCK.c.chain_id == chain_id, BLOCK.c.number.in_(numbers))
        .where(BLOCK.c.number <= CHAIN_FINALITY.c.number)
    )
    return {row.number: row.hash for row in connection.execute(query)}


class BookFacts:
    """The finalized facts of one payment contract; serves `post_payments.PaymentFacts`."""

    def __init__(self, connection: Connection, settlement: Settlement, name: ContractName) -> None:
        self._connection, self._settlement = connection, settlement
        self._name, self._address = name, settlement.payments[name]
        self._reads = FactReads(connection, settlement)

    def finalized(self) -> BlockRef | None:
        """The finalized block, up to which facts cannot change; None until the contract is indexed.

        A contract that is being added has no facts yet, which is not to have none. The batch
        contract's book is also made of the transfers of tokens.
        """
        is_batch = self._name is ContractName.PAYOUT_BATCH
        sources = (self._address, *(self._settlement.tokens if is_batch else ()))
        is_there = is_indexed(self._connection, self._settlement.chain_id, sources)
        return self._reads.finalized() if is_there else None

    def block(self, number: BlockNumber) -> BlockRef | None:
        """The indexed block of this number."""
        return self._reads.block(number)

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        """The highest block with an earlier timestamp, not above `upto`."""
        return self._reads.highest_block_before(timestamp, upto)

    def events(self, after: BlockNumber, upto: BlockRef) -> list[PaymentEvent]:
        """Events of blocks (after, upto], in chain order."""
        events = [
            kind.record(**row)
            for kind in _KINDS[self._name]
            for row in self._rows(kind.spec, after, upto, _emitted_by(kind.spec, self._address))
        ]
        if self._name is ContractName.PAYOUT_BATCH:
            events.extend(self._received(after, upto))
        return sorted(events, key=lambda event: event.ref)

    def line_ends(self, op_ids: Sequence[Hash32], upto: BlockRef) -> list[LinePaid | LineUnclaimed]:
        """What ended these lines in blocks up to `upto`."""
        found: list[LinePaid | LineUnclaimed] = []
        for kind in _KINDS[self._name]:
            if kind.record not in (LinePaid, LineUnclaimed):
                continue
            facts = FACTS[kind.spec.table].c
            is_one = and_(_emitted_by(kind.spec, self._address), facts.op_id.in_(op_ids))
            rows = self._rows(kind.spec, BlockNumber(-1), upto, is_one)
            found += [kind.record(**row) for row in rows]
        return found

    def _received(self, after: BlockNumber, upto: BlockRef) -> Iterator[TokensReceived]:
        """Transfers from nobody else but the contract itself bring something in."""
        facts = FACTS[ERC20_TRANSFER.table].c
        is_received = and_(
            facts.target == self._address,
            facts.source != self._address,
            facts.amount > 0,
            facts.address.in_(self._settlement.tokens),
        )
        for row in self._rows(ERC20_TRANSFER, after, upto, is_received, facts.address):
            del row["target"]
            yield TokensReceived(asset=row.pop("address"), **row)

    def _rows(
        self,
        spec: EventSpec,
        after: BlockNumber,
        upto: BlockRef,
        condition: ColumnElement[bool],
        *also: ColumnElement[Any],
    ) -> Iterator[dict[str, Any]]:
        """The facts of one event as the fields of its record."""
        facts = FACTS[spec.table].c
        columns = [*(facts[column.name] for column in spec.columns), *also]
        query = (
            select(
                facts.block_number,
                facts.log_index,
                BLOCK.c.hash,
                BLOCK.c.timestamp,
                *(column.label(f"event_{column.key}") for column in columns),
            )
            .join(
                BLOCK,
                and_(BLOCK.c.chain_id == facts.chain_id, BLOCK.c.number == facts.block_number),
            )
            .where(facts.chain_id == self._settlement.chain_id, condition)
            .where(facts.block_number > after, facts.block_number <= upto.number)
        )
        for row in self._connection.execute(query).mappings():
            yield {
                "ref": LogRef(self._settlement.chain_id, row["block_number"], row["log_index"]),
                "block_hash": row["hash"],
                "timestamp": row["timestamp"],
                **{str(column.key): row[f"event_{column.key}"] for column in columns},
            }


def _emitted_by(spec: EventSpec, address: Address) -> ColumnElement[bool]:
    return FACTS[spec.table].c.address == address
