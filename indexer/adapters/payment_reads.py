"""Facts that payments are verified from: logs of one transaction, orders, terms, prices, refunds.

A transaction is found by its block, for raw logs have no index by transaction: the block is known
from an event that names the order, from an earlier look, or from a node. All reads are about the
snapshot of the caller's connection.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, func, select, tuple_

from contracts.event_spec import EventSpec
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, Timestamp
from indexer.adapters.store import block_ref
from indexer.adapters.stored_logs import stored_logs
from indexer.adapters.tables import BLOCK, BLOCK_REF, CHAIN_FINALITY, CURSOR, FACTS, LOG
from indexer.logs import RawLog
from indexer.ranges import BlockRange

ORDERS_MAX = 16
"""Events of one order that are answered: payers differ, and each pays it once."""


_END = 2**63 - 1  # above every block


class OrderRow(NamedTuple):
    """An event that names an order, and where it is."""

    block_number: BlockNumber
    log_index: int
    block_hash: Hash32
    transaction_hash: Hash32
    order_id: Hash32


class PaymentReads:
    """Facts of one chain, on one database connection."""

    def __init__(self, connection: Connection, chain_id: ChainId) -> None:
        self._connection, self._chain_id = connection, chain_id

    def head(self) -> BlockRef | None:
        """The highest indexed block; it can still change."""
        number = select(CURSOR.c.number).where(CURSOR.c.chain_id == self._chain_id)
        return self._block_at(number.scalar_subquery())

    def finalized(self) -> BlockRef | None:
        """The finalized block."""
        of_chain = CHAIN_FINALITY.c.chain_id == self._chain_id
        return self._block_at(select(CHAIN_FINALITY.c.number).where(of_chain).scalar_subquery())

    def block(self, number: BlockNumber) -> BlockRef | None:
        """The indexed block of this height."""
        return self._block_at(number)

    def transaction_logs(self, tx_hash: Hash32, number: BlockNumber) -> list[RawLog]:
        """The logs of a transaction that we hold, in order; of none in that block, none."""
        block = BlockRange(number, BlockNumber(number + 1))
        logs = stored_logs(self._connection, self._chain_id, block).rows()
        return [log for log in logs if log.transaction_hash == tx_hash]

    def block_hashes(self, numbers: Sequence[BlockNumber]) -> dict[BlockNumber, Hash32]:
        """The hashes of the indexed blocks among these heights."""
        query = select(BLOCK.c.number, BLOCK.c.hash).where(
            BLOCK.c.chain_id == self._chain_id, BLOCK.c.number.in_(numbers)
        )
        return {row.number: row.hash for row in self._connection.execute(query)}

    def transactions_of_order(
        self, spec: EventSpec, field: str, order_id: Hash32, contract: Address
    ) -> list[Hash32]:
        """Transactions in which a contract's event names an order, oldest first.

        Args:
            spec: the event; not a bulk one.
            field: its field that names the order.
            order_id: the order.
            contract: who must have emitted it.

        Returns:
            At most `ORDERS_MAX`.
        """
        facts = FACTS[spec.table].c
        query = (
            select(LOG.c.transaction_hash)
            .join(FACTS[spec.table], _is_same_log(spec))
            .where(facts.chain_id == self._chain_id, facts[field] == order_id)
            .where(facts.address == contract)
            .order_by(facts.block_number, facts.log_index)
            .limit(ORDERS_MAX)
        )
        return list(dict.fromkeys(self._connection.execute(query).scalars()))

    def blocks_of_order(
        self, spec: EventSpec, field: str, order_id: Hash32, contract: Address, tx_hash: Hash32
    ) -> list[BlockNumber]:
        """The block in which that transaction's event names an order; none if it does not."""
        facts = FACTS[spec.table].c
        query = (
            select(facts.block_number)
            .join(LOG, _is_same_log(spec))
            .where(facts.chain_id == self._chain_id, facts[field] == order_id)
            .where(facts.address == contract, LOG.c.transaction_hash == tx_hash)
            .distinct()
        )
        return [BlockNumber(number) for number in self._connection.execute(query).scalars()]

    def blocks_of_transfers(
        self, tx_hash: Hash32, since: Timestamp, until: Timestamp
    ) -> list[BlockNumber]:
        """Blocks with a timestamp in [since, until) in which a transaction moved tokens.

        Transfers are found by their blocks alone, so all of that time are read.
        """
        moved = FACTS[ERC20_TRANSFER.table].c
        query = (
            select(moved.block_number)
            .where(moved.chain_id == self._chain_id, moved.transaction_hash == tx_hash)
            .where(moved.block_number >= self._first_at(since))
            .where(moved.block_number < func.coalesce(self._first_at(until), _END))
            .distinct()
        )
        return [BlockNumber(number) for number in self._connection.execute(query).scalars()]

    def orders_after(
        self, spec: EventSpec, field: str, contract: Address, after: tuple[int, int], limit: int
    ) -> list[OrderRow]:
        """A contract's events that name orders, in order, after a block number and log index."""
        facts = FACTS[spec.table].c
        is_block = and_(BLOCK.c.chain_id == facts.chain_id, BLOCK.c.number == facts.block_number)
        query = (
            select(
                facts.block_number,
                facts.log_index,
                BLOCK.c.hash,
                LOG.c.transaction_hash,
                facts[field],
            )
            .join(LOG, _is_same_log(spec))
            .join(BLOCK, is_block)
            .where(facts.chain_id == self._chain_id, facts.address == contract)
            .where(tuple_(facts.block_number, facts.log_index) > tuple_(*after))
            .order_by(facts.block_number, facts.log_index)
            .limit(limit)
        )
        return [OrderRow(*row) for row in self._connection.execute(query)]

    def events(
        self, spec: EventSpec, contract: Address, values: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        """A contract's events with these values, in order: place and fields by column name."""
        facts = FACTS[spec.table].c
        names = ("block_number", "log_index", *(column.name for column in spec.columns))
        query = (
            select(*(facts[name] for name in names))
            .where(facts.chain_id == self._chain_id, facts.address == contract)
            .where(*(facts[name] == value for name, value in values.items()))
            .order_by(facts.block_number, facts.log_index)
        )
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def _first_at(self, timestamp: Timestamp) -> ScalarSelect[int]:
        """The first block that is not before a time; NULL where none is."""
        return (
            select(BLOCK.c.number)
            .where(BLOCK.c.chain_id == self._chain_id, BLOCK.c.timestamp >= timestamp)
            .order_by(BLOCK.c.timestamp, BLOCK.c.number)
            .limit(1)
            .scalar_subquery()
        )

    def _block_at(self, number: Any) -> BlockRef | None:  # noqa: ANN401 - a number or a subquery
        query = select(*BLOCK_REF).where(BLOCK.c.chain_id == self._chain_id)
        row = self._connection.execute(query.where(BLOCK.c.number == number)).mappings().first()
        return None if row is None else block_ref(row)


def _is_same_log(spec: EventSpec) -> ColumnElement[bool]:
    facts = FACTS[spec.table].c
    return and_(
        LOG.c.chain_id == facts.chain_id,
        LOG.c.block_number == facts.block_number,
        LOG.c.log_index == facts.log_index,
    )
