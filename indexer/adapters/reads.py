"""What the other packages may ask of the facts of one settlement.

Every read names the block that it ends at, and fails if that block is not, or no longer, in the
index: an answer is never about another chain than the caller thinks. Bulk answers are column
batches in chain order. Connection and transaction are the caller's, and so are their failures;
reads that belong together belong in one REPEATABLE READ transaction.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Table,
    and_,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from contracts.addresses import Settlement
from contracts.batches import (
    BlockEvidence,
    ConsumptionColumns,
    FundedColumns,
    LogColumns,
    ParametersColumns,
    SplitTermsColumns,
    SubscribedColumns,
    VerdictColumns,
    WorkTermsColumns,
)
from contracts.event_spec import EventSpec
from contracts.events import (
    CONSUMPTION_SUBMITTED,
    EPOCH_CLOCK_STARTED,
    EPOCH_FUNDED,
    PARAMETERS_SET,
    SETTLEMENT_STARTED,
    SPLIT_TERMS_SET,
    SUBSCRIBED,
    VERDICT_LIFTED,
    VERDICT_PLACED,
    WORK_TERMS_SET,
)
from contracts.evm import Address, BlockNumber, BlockRef, Epoch, LogIndex, Timestamp
from contracts.money_events import (
    EpochCommitted,
    EpochVetoed,
    HoldEvent,
    MoneyEvent,
    TransferEvent,
)
from contracts.units import BaseUnits
from indexer.adapters.balances import token_balance
from indexer.adapters.money_reads import (
    commitments,
    hold_events,
    money_events,
    transfer_events,
)
from indexer.adapters.sources import is_indexed
from indexer.adapters.store import block_ref
from indexer.adapters.tables import BLOCK, BLOCK_REF, CHAIN_FINALITY, CURSOR, FACTS, LOG
from indexer.errors import NotIndexed

_BLOCKS_PER_FETCH = 2_000  # with their headers, about a megabyte
_LOGS_PER_FETCH = 5_000  # of sixteen rows each, twenty megabytes
_PLACES_PER_FETCH = 50_000
_INPUTS = (EPOCH_CLOCK_STARTED, VERDICT_PLACED, VERDICT_LIFTED)
_INPUTS_OF_EPOCH = (SUBSCRIBED, EPOCH_FUNDED, CONSUMPTION_SUBMITTED)
_INPUTS_IN_FORCE = (PARAMETERS_SET, WORK_TERMS_SET, SPLIT_TERMS_SET)


class ClockTerms(NamedTuple):
    """The immutable numbers of a settlement's `EpochClock`, in seconds."""

    genesis: int
    length: int
    grace: int


class FactReads:
    """The facts of one settlement, on one database connection.

    Every method that takes `upto` raises `NotIndexed` if that block is not in the index.
    """

    def __init__(self, connection: Connection, settlement: Settlement) -> None:
        self._connection, self._settlement = connection, settlement
        self._chain_id = settlement.chain_id

    def clock(self) -> ClockTerms | None:
        """The settlement's clock, once its event is indexed."""
        facts = _of(EPOCH_CLOCK_STARTED)
        query = select(facts.genesis, facts.length, facts.grace).where(
            self._is_ours(EPOCH_CLOCK_STARTED)
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else ClockTerms(*row)

    def veto_window(self) -> int | None:
        """Seconds from commit to activation, once the contract's first event is indexed."""
        facts = _of(SETTLEMENT_STARTED)
        query = select(facts.veto_window).where(self._is_ours(SETTLEMENT_STARTED))
        found: int | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def finalized(self) -> BlockRef | None:
        """The finalized block, up to which facts cannot change; None until all are indexed."""
        contracts = self._settlement.contracts.values()
        is_whole = is_indexed(self._connection, self._chain_id, contracts)
        return self._pointed_at(CHAIN_FINALITY) if is_whole else None

    def head(self) -> BlockRef | None:
        """The highest indexed block; it can still change."""
        return self._pointed_at(CURSOR)

    def block(self, number: BlockNumber) -> BlockRef | None:
        """The indexed block of this number."""
        return self._one_block(select(*BLOCK_REF).where(BLOCK.c.number == number))

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        """The highest block with an earlier timestamp, not above `upto`."""
        self._require(upto)
        return self._one_block(
            select(*BLOCK_REF)
            .where(BLOCK.c.timestamp < timestamp, BLOCK.c.number <= upto.number)
            .order_by(BLOCK.c.timestamp.desc(), BLOCK.c.number.desc())
            .limit(1)
        )

    def block_evidence(self, start: BlockNumber, end: BlockNumber) -> Iterator[BlockEvidence]:
        """The indexed blocks in [start, end), ascending; what is not indexed is left out."""
        query = (
            select(BLOCK.c.number, BLOCK.c.hash, BLOCK.c.header, BLOCK.c.proof)
            .where(BLOCK.c.chain_id == self._chain_id)
            .where(BLOCK.c.number >= start, BLOCK.c.number < end)
            .order_by(BLOCK.c.number)
            .execution_options(yield_per=_BLOCKS_PER_FETCH)
        )
        for row in self._connection.execute(query):
            yield BlockEvidence(*row)

    def token_balance(self, token: Address, account: Address, at: BlockRef) -> int:
        """What the transfers of a token up to a block add up to for an account.

        Transfers before the start block are not indexed, so not in it. The zero address has minus
        the supply. At the finalized block and at the head few rows are read; at an older block, all
        that came since.
        """
        self._require(at)
        return token_balance(
            self._connection, self._chain_id, token=token, account=account, at=at.number
        )

    def subscribed(self, epoch: Epoch, upto: BlockRef) -> SubscribedColumns:
        """Subscriptions that were paid for the epoch."""
        names = ("subscriber", "tier_id", "payer", "asset", "amount")
        is_of_epoch = _of(SUBSCRIBED).epoch == epoch
        return SubscribedColumns(**self._batch(SUBSCRIBED, names, upto, is_of_epoch))

    def consumption(self, epoch: Epoch, upto: BlockRef) -> ConsumptionColumns:
        """Usage that was submitted for the epoch."""
        names = (
            *("submitter", "tier_id", "part", "work_ids"),
            *("minutes_played", "plays", "pseudonyms", "digest"),
        )
        is_of_epoch = _of(CONSUMPTION_SUBMITTED).epoch == epoch
        return ConsumptionColumns(**self._batch(CONSUMPTION_SUBMITTED, names, upto, is_of_epoch))

    def funded(self, epoch: Epoch, upto: BlockRef) -> FundedColumns:
        """Money that came in for the epoch."""
        is_of_epoch = _of(EPOCH_FUNDED).epoch == epoch
        return FundedColumns(
            **self._batch(EPOCH_FUNDED, ("asset", "source", "amount"), upto, is_of_epoch)
        )

    def work_terms(self, upto: BlockRef, effective_epoch_max: Epoch) -> WorkTermsColumns:
        """All terms of works that take effect in or before an epoch."""
        names = tuple(column.name for column in WORK_TERMS_SET.columns)
        is_in_force = _of(WORK_TERMS_SET).effective_epoch <= effective_epoch_max
        return WorkTermsColumns(**self._batch(WORK_TERMS_SET, names, upto, is_in_force))

    def split_terms(self, upto: BlockRef, effective_epoch_max: Epoch) -> SplitTermsColumns:
        """All terms of split accounts that take effect in or before an epoch."""
        names = tuple(column.name for column in SPLIT_TERMS_SET.columns)
        is_in_force = _of(SPLIT_TERMS_SET).effective_epoch <= effective_epoch_max
        return SplitTermsColumns(**self._batch(SPLIT_TERMS_SET, names, upto, is_in_force))

    def parameters(self, upto: BlockRef, effective_epoch_max: Epoch) -> ParametersColumns:
        """All ruleset parameters that take effect in or before an epoch."""
        names = tuple(column.name for column in PARAMETERS_SET.columns)
        is_in_force = _of(PARAMETERS_SET).effective_epoch <= effective_epoch_max
        return ParametersColumns(**self._batch(PARAMETERS_SET, names, upto, is_in_force))

    def verdicts(self, upto: BlockRef) -> VerdictColumns:
        """Verdicts that were placed and lifted."""
        self._require(upto)
        queries = []
        for spec, is_placed in ((VERDICT_PLACED, True), (VERDICT_LIFTED, False)):
            facts = _of(spec)
            queries.append(
                select(facts.block_number, facts.log_index, facts.work_id, literal(is_placed))
                .where(self._is_ours(spec))
                .where(facts.block_number <= upto.number)
            )
        query = union_all(*queries).order_by("block_number", "log_index")
        names = ("block_number", "log_index", "work_id", "is_placed")
        return VerdictColumns(**_columns(names, self._connection.execute(query).all()))

    def input_logs(self, epoch: Epoch, upto: BlockRef) -> LogColumns:
        """The raw logs that an epoch is computed from.

        The clock's start, parameters and terms in force up to the epoch, all verdicts, and the
        epoch's subscriptions, funding and usage.
        """
        return _log_columns(self._connection.execute(self._input_logs(epoch, upto)).all())

    def input_log_batches(self, epoch: Epoch, upto: BlockRef) -> Iterator[LogColumns]:
        """The same logs in batches, for epochs of millions; they are read as they are asked for."""
        query = self._input_logs(epoch, upto).execution_options(yield_per=_LOGS_PER_FETCH)
        with self._connection.execute(query) as found:
            yield from map(_log_columns, found.partitions())

    def input_places(
        self, epoch: Epoch, *, boundary: BlockRef, reference: BlockRef
    ) -> Iterator[tuple[BlockNumber, LogIndex]]:
        """Where the events that an epoch is computed from stand, in chain order, as a stream.

        Subscriptions and funding are those up to the boundary block.
        """
        self._require(boundary)
        places = self._input_places(epoch, reference, paid_upto=boundary).subquery()
        query = select(places).order_by(places.c.block_number, places.c.log_index)
        streamed = query.execution_options(yield_per=_PLACES_PER_FETCH)
        with self._connection.execute(streamed) as found:
            yield from ((BlockNumber(row[0]), LogIndex(row[1])) for row in found)

    def input_blocks(self, epoch: Epoch, upto: BlockRef) -> Iterator[BlockRef]:
        """The blocks of the logs that an epoch is computed from, ascending, as a stream."""
        places = self._input_places(epoch, upto, paid_upto=upto).subquery()
        query = (
            select(*BLOCK_REF)
            .where(BLOCK.c.chain_id == self._chain_id)
            .where(BLOCK.c.number.in_(select(places.c.block_number)))
            .order_by(BLOCK.c.number)
            .execution_options(yield_per=_BLOCKS_PER_FETCH)
        )
        with self._connection.execute(query) as found:
            yield from map(block_ref, found.mappings())

    def funded_sums(self, epoch: Epoch, upto: BlockRef) -> dict[Address, BaseUnits]:
        """Money that came in for the epoch, by asset, ascending."""
        self._require(upto)
        facts = _of(EPOCH_FUNDED)
        amount = func.sum(facts.amount, type_=facts.amount.type)
        query = (
            select(facts.asset, amount)
            .where(self._is_ours(EPOCH_FUNDED), facts.epoch == epoch)
            .where(facts.block_number <= upto.number)
            .group_by(facts.asset)
            .order_by(facts.asset)
        )
        return {row[0]: BaseUnits(row[1]) for row in self._connection.execute(query)}

    def money_events(self, after: BlockNumber, upto: BlockRef) -> list[MoneyEvent]:
        """Events that moved or reserved money in blocks (after, upto], in chain order."""
        self._require(upto)
        return money_events(self._connection, self._settlement, after=after, upto=upto)

    def commitments(self, epoch: Epoch, upto: BlockRef) -> list[EpochCommitted | EpochVetoed]:
        """Commits and vetoes of the epoch, in chain order."""
        self._require(upto)
        return commitments(self._connection, self._settlement, epoch=epoch, upto=upto)

    def hold_events(self, upto: BlockRef) -> list[HoldEvent]:
        """Holds placed against payees and lifted, in chain order."""
        self._require(upto)
        return hold_events(self._connection, self._settlement, upto=upto)

    def transfer_events(self, upto: BlockRef) -> list[TransferEvent]:
        """What became of transfers of unallocated money, in chain order."""
        self._require(upto)
        return transfer_events(self._connection, self._settlement, upto=upto)

    def _input_places(
        self, epoch: Epoch, upto: BlockRef, *, paid_upto: BlockRef
    ) -> CompoundSelect[Any]:
        """Where everything stands that an epoch is computed from, in no order."""
        self._require(upto)
        ends = {CONSUMPTION_SUBMITTED: upto}
        return union_all(
            *(self._places(spec, upto) for spec in _INPUTS),
            *(
                self._places(spec, ends.get(spec, paid_upto), _of(spec).epoch == epoch)
                for spec in _INPUTS_OF_EPOCH
            ),
            *(
                self._places(spec, upto, _of(spec).effective_epoch <= epoch)
                for spec in _INPUTS_IN_FORCE
            ),
        )

    def _input_logs(self, epoch: Epoch, upto: BlockRef) -> Select[Any]:
        """The raw logs at these places, with the hashes of their blocks, in chain order."""
        places = self._input_places(epoch, upto, paid_upto=upto).subquery()
        is_there = and_(
            LOG.c.block_number == places.c.block_number, LOG.c.log_index == places.c.log_index
        )
        is_its_block = and_(
            BLOCK.c.chain_id == LOG.c.chain_id, BLOCK.c.number == LOG.c.block_number
        )
        return (
            select(
                LOG.c.block_number,
                BLOCK.c.hash.label("block_hash"),
                LOG.c.log_index,
                LOG.c.address,
                LOG.c.topics,
                LOG.c.data,
            )
            .join(places, is_there)
            .join(BLOCK, is_its_block)
            .where(LOG.c.chain_id == self._chain_id)
            .order_by(LOG.c.block_number, LOG.c.log_index)
        )

    def _is_ours(self, spec: EventSpec) -> ColumnElement[bool]:
        """Whether a fact was emitted by this settlement's contract."""
        facts = _of(spec)
        contract = self._settlement.contracts[spec.contract]
        return and_(facts.chain_id == self._chain_id, facts.address == contract)

    def _batch(
        self,
        spec: EventSpec,
        names: Sequence[str],
        upto: BlockRef,
        condition: ColumnElement[bool],
    ) -> dict[str, list[Any]]:
        """Columns of the facts that meet the condition, with their place."""
        self._require(upto)
        facts = _of(spec)
        names = ("block_number", "log_index", *names)
        query = (
            select(*(facts[name] for name in names))
            .where(self._is_ours(spec), facts.block_number <= upto.number, condition)
            .order_by(facts.block_number, facts.log_index)
        )
        return _columns(names, self._connection.execute(query).all())

    def _places(
        self, spec: EventSpec, upto: BlockRef, *conditions: ColumnElement[bool]
    ) -> Select[Any]:
        """Where the facts that meet the conditions stand on the chain."""
        facts = _of(spec)
        return select(facts.block_number, facts.log_index).where(
            self._is_ours(spec), facts.block_number <= upto.number, *conditions
        )

    def _require(self, upto: BlockRef) -> None:
        """Refuse to answer about a block that is not in the index."""
        held = self.block(upto.number)
        if held is None or held.hash != upto.hash:
            raise NotIndexed(self._chain_id, f"block {upto.number} {upto.hash}")

    def _one_block(self, query: Select[Any]) -> BlockRef | None:
        of_chain = query.where(BLOCK.c.chain_id == self._chain_id)
        row = self._connection.execute(of_chain).mappings().one_or_none()
        return None if row is None else block_ref(row)

    def _pointed_at(self, table: Table) -> BlockRef | None:
        """The block that this chain's row of a table names."""
        return self._one_block(
            select(*BLOCK_REF)
            .join(table, and_(table.c.number == BLOCK.c.number, table.c.hash == BLOCK.c.hash))
            .where(table.c.chain_id == self._chain_id)
        )


def _of(spec: EventSpec) -> ReadOnlyColumnCollection[str, Column[Any]]:
    """The columns of an event's table."""
    return FACTS[spec.table].c


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows, turned into one list per name."""
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _log_columns(rows: Sequence[Sequence[Any]]) -> LogColumns:
    names = ("block_number", "block_hash", "log_index", "address", "topics", "data")
    return LogColumns(**_columns(names, rows))
