"""Solvency statements of one settlement: what is due, what is owed, what is stored."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, union_all
from sqlalchemy.dialects.postgresql import insert as pg_insert

from contracts.addresses import Settlement
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    Timestamp,
)
from indexer.adapters.reads import FactReads
from indexer.adapters.tables import BLOCK
from reconciliation.adapters.period_sql import booked_contracts
from reconciliation.adapters.solvency_tables import LEVEL, LINE, RESERVE, STATEMENT
from reconciliation.errors import StatementConflict
from reconciliation.liability_tree import SumNode, sibling_places
from reconciliation.reading import Reading
from reconciliation.solvency import (
    OWED,
    Liability,
    LineProof,
    OwedBalance,
    SolvencyStatement,
    Stated,
    Subject,
    account_id,
    payee_holder,
)
from reconciliation.state_solvency import EndedEpoch
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.bulk import chunks
from settlement.ledger.adapters.queries import current_version, is_current, is_of
from settlement.ledger.adapters.rows import account_columns, account_from_row
from settlement.ledger.adapters.tables import ACCOUNT, CURSOR, JOURNAL_ENTRY, POSTING
from settlement.royalties.epoch import Timeline

_NODE_BYTES = 64


class SqlSolvency:
    """The statements of one settlement, in one transaction."""

    def __init__(self, connection: Connection, settlement: Settlement) -> None:
        self._connection, self._settlement = connection, settlement
        self.chain_id: ChainId = settlement.chain_id
        self._facts = FactReads(connection, settlement)
        self._payouts = Book(chain_id=settlement.chain_id, contract=settlement.payouts)

    def due(self, epochs_max: int) -> Sequence[EndedEpoch]:
        """Ended epochs without statements, ascending; none from before the first entry."""
        timeline, upto, first = self._timeline(), self._shortest(), self._first_second()
        if timeline is None or upto is None or first is None:
            return ()
        found: list[EndedEpoch] = []
        epochs = range(timeline.epoch_at(first), timeline.epoch_at(upto.timestamp))
        for number in sorted(set(epochs) - self._stated()):
            boundary = self._facts.highest_block_before(timeline.end_of(Epoch(number)), upto)
            if boundary is not None and len(found) < epochs_max:
                found.append(EndedEpoch(epoch=Epoch(number), boundary=boundary))
        return found

    def contracts(self) -> Sequence[Address]:
        """The contracts with a book."""
        return list(booked_contracts(self._settlement))

    def owed(self, contract: Address, at: BlockRef) -> Iterator[OwedBalance]:
        """Balances of everything that a contract owes, of every asset that it ever had."""
        book = Book(chain_id=self.chain_id, contract=contract)
        sides = union_all(
            _side(book, at, POSTING.c.debit_account, -POSTING.c.amount),
            _side(book, at, POSTING.c.credit_account, POSTING.c.amount),
        ).subquery()
        query: Select[Any] = (
            select(*account_columns(ACCOUNT), sides.c.asset, func.sum(sides.c.units).label("owed"))
            .join(ACCOUNT, ACCOUNT.c.id == sides.c.account)
            .where(ACCOUNT.c.kind.in_([kind.value for kind in OWED]))
            .group_by(ACCOUNT.c.id, sides.c.asset)
        )
        for row in self._connection.execute(query):
            yield OwedBalance(account=account_from_row(row), asset=row.asset, amount=int(row.owed))

    def record(self, statements: Sequence[SolvencyStatement]) -> None:
        """Insert statements, or verify that they are stored as they are.

        Raises:
            StatementConflict: one was stored with other lines, from the same block.
        """
        for statement in statements:
            row = _statement_row(statement)
            added = pg_insert(STATEMENT).values(row).on_conflict_do_nothing()
            if self._connection.execute(added.returning(STATEMENT.c.digest)).scalar() is None:
                self._verify(statement)
                continue
            for lines in chunks(_line_rows(statement)):
                self._connection.execute(insert(LINE), list(lines))
            levels = _level_rows(statement)
            if levels:
                self._connection.execute(insert(LEVEL), levels)

    def without_reserve(self) -> Sequence[Subject]:
        """What was stated last, as far as its reserves are not known."""
        last = select(func.max(STATEMENT.c.epoch)).where(*self._is_ours()).scalar_subquery()
        query = self._select_current().where(STATEMENT.c.epoch == last, RESERVE.c.amount.is_(None))
        return [_subject(row) for row in self._connection.execute(query)]

    def add_reserve(self, subject: Subject, reserve: Reading) -> None:
        """Keep what the contract held."""
        digest = self._connection.execute(
            select(STATEMENT.c.digest).where(*_is_about(subject))
        ).scalar_one()
        values = {
            "digest": digest,
            "amount": reserve.value,
            "is_proven": reserve.is_proven,
            "evidence": reserve.evidence,
        }
        self._connection.execute(pg_insert(RESERVE).values(values).on_conflict_do_nothing())

    def stated(self, epoch: Epoch | None) -> list[Stated]:
        """Statements whose block is still the chain's, of one epoch or of all."""
        query = self._select_current().order_by(
            STATEMENT.c.epoch, STATEMENT.c.contract, STATEMENT.c.asset
        )
        if epoch is not None:
            query = query.where(STATEMENT.c.epoch == epoch)
        return [_stated(row) for row in self._connection.execute(query)]

    def line_proofs(self, payee: Address, epoch: Epoch) -> list[tuple[LineProof, Stated]]:
        """The proofs of a payee's lines in an epoch: one for each contract and asset."""
        return [
            (proof, stated)
            for stated in self.stated(epoch)
            if (proof := self._line_proof(stated, payee)) is not None
        ]

    def _line_proof(self, stated: Stated, payee: Address) -> LineProof | None:
        wanted = account_id(stated.subject, payee_holder(payee))
        line = self._connection.execute(
            select(LINE).where(LINE.c.digest == stated.digest, LINE.c.account_id == wanted)
        ).one_or_none()
        if line is None:
            return None
        return LineProof(
            subject=stated.subject,
            line=Liability(holder=line.holder, account_id=line.account_id, amount=int(line.amount)),
            index=line.position,
            count=stated.line_count,
            siblings=tuple(
                self._node(stated.digest, level, place)
                for level, place in sibling_places(line.position, stated.line_count)
            ),
            root=stated.root,
        )

    def _node(self, digest: Hash32, level: int, place: int) -> SumNode:
        cut = func.substring(LEVEL.c.nodes, place * _NODE_BYTES + 1, _NODE_BYTES)
        query = select(cut).where(LEVEL.c.digest == digest, LEVEL.c.level == level)
        return node_from_bytes(bytes(self._connection.execute(query).scalar_one()))

    def _verify(self, statement: SolvencyStatement) -> None:
        stored = self._connection.execute(
            select(STATEMENT.c.digest).where(*_is_about(statement.subject))
        ).scalar_one()
        if stored != statement.digest:
            subject = statement.subject
            raise StatementConflict(
                subject.epoch, subject.asset, stored=stored, made=statement.digest
            )

    def _timeline(self) -> Timeline | None:
        clock = self._facts.clock()
        if clock is None:
            return None
        return Timeline(genesis=Timestamp(clock.genesis), length=clock.length, grace=clock.grace)

    def _shortest(self) -> BlockRef | None:
        """The lowest block up to which all books are posted."""
        cursors = []
        for contract in self.contracts():
            book = Book(chain_id=self.chain_id, contract=contract)
            row = self._connection.execute(
                select(CURSOR).where(*is_current(CURSOR, book))
            ).one_or_none()
            if row is None:
                return None
            cursors.append(row.block_number)
        return self._facts.block(BlockNumber(min(cursors)))

    def _first_second(self) -> Timestamp | None:
        query = select(func.min(JOURNAL_ENTRY.c.effective_at)).where(
            *is_of(JOURNAL_ENTRY, self._payouts)
        )
        return self._connection.execute(query).scalar()

    def _stated(self) -> set[int]:
        query = self._select_current().with_only_columns(STATEMENT.c.epoch)
        return set(
            self._connection.execute(
                query.where(STATEMENT.c.contract == self._settlement.payouts)
            ).scalars()
        )

    def _select_current(self) -> Select[Any]:
        is_block = (
            (BLOCK.c.chain_id == STATEMENT.c.chain_id)
            & (BLOCK.c.number == STATEMENT.c.block_number)
            & (BLOCK.c.hash == STATEMENT.c.block_hash)
        )
        return (
            select(
                STATEMENT,
                RESERVE.c.amount.label("reserve"),
                RESERVE.c.is_proven,
                RESERVE.c.evidence,
            )
            .join(BLOCK, is_block)
            .outerjoin(RESERVE, RESERVE.c.digest == STATEMENT.c.digest)
            .where(*self._is_ours())
        )

    def _is_ours(self) -> list[ColumnElement[bool]]:
        return [
            STATEMENT.c.chain_id == self.chain_id,
            STATEMENT.c.contract.in_(self.contracts()),
        ]


def node_from_bytes(data: bytes) -> SumNode:
    """A node as it is stored: hash and sum."""
    return SumNode(Hash32(data[:32]), int.from_bytes(data[32:], "big"))


def _side(
    book: Book, at: BlockRef, account: ColumnElement[Any], units: ColumnElement[Any]
) -> Select[Any]:
    return (
        select(account.label("account"), POSTING.c.asset, units.label("units"))
        .join(JOURNAL_ENTRY, JOURNAL_ENTRY.c.id == POSTING.c.entry_id)
        .where(
            *is_of(JOURNAL_ENTRY, book),
            POSTING.c.status == "posted",
            POSTING.c.version == current_version(book),
            JOURNAL_ENTRY.c.effective_block <= at.number,
        )
    )


def _is_about(subject: Subject) -> tuple[ColumnElement[bool], ...]:
    return (
        STATEMENT.c.chain_id == subject.chain_id,
        STATEMENT.c.contract == subject.contract,
        STATEMENT.c.epoch == subject.epoch,
        STATEMENT.c.asset == subject.asset,
        STATEMENT.c.block_hash == subject.block.hash,
    )


def _subject(row: Row[Any]) -> Subject:
    return Subject(
        chain_id=row.chain_id,
        contract=row.contract,
        epoch=row.epoch,
        asset=row.asset,
        block=BlockRef(
            number=row.block_number,
            hash=row.block_hash,
            parent_hash=row.parent_hash,
            timestamp=row.block_timestamp,
        ),
    )


def _stated(row: Row[Any]) -> Stated:
    reserve = None
    if row.reserve is not None:
        reserve = Reading(value=int(row.reserve), is_proven=row.is_proven, evidence=row.evidence)
    return Stated(
        subject=_subject(row),
        digest=row.digest,
        root=SumNode(row.root, int(row.total)),
        line_count=row.line_count,
        reserve=reserve,
    )


def _statement_row(statement: SolvencyStatement) -> Mapping[str, Any]:
    subject, root = statement.subject, statement.tree.root
    return {
        "digest": statement.digest,
        "chain_id": subject.chain_id,
        "contract": subject.contract,
        "epoch": subject.epoch,
        "asset": subject.asset,
        "block_number": subject.block.number,
        "block_hash": subject.block.hash,
        "parent_hash": subject.block.parent_hash,
        "block_timestamp": subject.block.timestamp,
        "root": root.hash,
        "total": root.sum,
        "line_count": len(statement.lines),
    }


def _line_rows(statement: SolvencyStatement) -> list[dict[str, Any]]:
    digest = statement.digest
    return [
        {
            "digest": digest,
            "position": position,
            "account_id": line.account_id,
            "holder": line.holder,
            "amount": line.amount,
        }
        for position, line in enumerate(statement.lines)
    ]


def _level_rows(statement: SolvencyStatement) -> list[dict[str, Any]]:
    digest = statement.digest
    return [
        {"digest": digest, "level": level, "nodes": b"".join(node.encoded() for node in nodes)}
        for level, nodes in enumerate(statement.tree.levels)
    ]
