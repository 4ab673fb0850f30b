"""Reads of one book: balances, payable leaves, flows, the trial balance and the journal.

Balances, the trial balance and the journal are of all versions, of which all but the current one
sum to nothing; everything else is of the current version.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    TypeDecorator,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from contracts.columns import AddressColumn, Uint256Column
from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32
from contracts.leaves import SplitLine
from settlement.ledger.accounts import MAY_BE_NEGATIVE, Account, AccountKind, Book
from settlement.ledger.adapters.checkpoints import Totals, assets_of, totals_at
from settlement.ledger.adapters.line_tables import LINE
from settlement.ledger.adapters.queries import (
    current_version,
    is_current,
    is_of,
    is_settled_above,
    names_account,
    select_balances,
    select_open_reservations,
    settled_of_line,
)
from settlement.ledger.adapters.rows import account_from_row, entries_from_rows, select_page
from settlement.ledger.adapters.tables import (
    ACCOUNT,
    COMMITMENT,
    COMMITMENT_OUTCOME,
    CURSOR,
    JOURNAL_ENTRY,
    LEAF,
    POSTING,
    RESERVATION,
)
from settlement.ledger.balances import (
    Balance,
    Flow,
    JournalKey,
    LeafLines,
    PayableLeaf,
    PayableLine,
    StandingCommitment,
    TrialBalanceLine,
)
from settlement.ledger.journal import JournalEntry, SourceKind

_LEAF = ("op_id", "epoch", "work_id", "part", "asset")


class LedgerReads:
    """What others may ask of one book; every answer is of one transaction."""

    def __init__(self, connection: Connection, book: Book) -> None:
        self._connection = connection
        self._book = book

    def standing(self) -> int:
        """How many entries of the current version a rewind would reverse."""
        query = select(func.count()).where(
            *is_current(JOURNAL_ENTRY, self._book),
            JOURNAL_ENTRY.c.source_kind != SourceKind.REWIND.value,
        )
        return self._connection.execute(query).scalar_one()

    def balances(
        self,
        *,
        kind: AccountKind | None = None,
        epoch: Epoch | None = None,
        work_id: Hash32 | None = None,
        payee: Address | None = None,
    ) -> list[Balance]:
        """Balances of the accounts that match everything given, by account and asset."""
        wanted: dict[str, Any] = {
            "kind": kind.value if kind else None,
            "epoch": epoch,
            "work_id": work_id,
            "payee": payee,
        }
        conditions = [
            ACCOUNT.c[name] == value for name, value in wanted.items() if value is not None
        ]
        query = select_balances(self._book, *conditions)
        return [_balance(row) for row in self._connection.execute(query)]

    def overdrawn(self) -> list[Balance]:
        """Balances below zero: there are none, unless the books are broken."""
        lines = select_balances(self._book).subquery()
        is_debit_normal = lines.c.kind.in_([kind for kind in AccountKind if kind.is_debit_normal])
        query = select(lines).where(
            or_(
                and_(is_debit_normal, lines.c.debits < lines.c.credits),
                and_(~is_debit_normal, lines.c.credits < lines.c.debits),
            ),
            lines.c.kind.not_in(MAY_BE_NEGATIVE),
        )
        return [_balance(row) for row in self._connection.execute(query)]

    def payable_leaves(self) -> list[PayableLeaf]:
        """Leaves with an open line, ascending by (epoch, work, part, asset); no escrow."""
        is_of_leaf = (RESERVATION.c.op_id == LEAF.c.op_id, RESERVATION.c.version == LEAF.c.version)
        is_reserved = select_open_reservations().where(*is_of_leaf).exists()
        lines = (
            select(
                *(LEAF.c[name] for name in _LEAF),
                is_reserved.label("is_reserved"),
                POSTING.c.ordinal,
                POSTING.c.amount,
                ACCOUNT.c.payee,
                (settled_of_line() > 0).label("is_settled"),
            )
            .join(POSTING, POSTING.c.entry_id == LEAF.c.entry_id)
            .join(ACCOUNT, ACCOUNT.c.id == POSTING.c.credit_account)
            .where(*is_current(LEAF, self._book), ACCOUNT.c.kind == AccountKind.PAYABLE.value)
            .subquery()
            .c
        )
        keys = (*(lines[name] for name in _LEAF), lines.is_reserved)
        query = (
            select(
                *keys,
                func.sum(case((lines.is_settled, _bit(lines.ordinal)), else_=0)).label("settled"),
                _open(lines.payee, lines, AddressColumn).label("payees"),
                _open(lines.amount, lines, Uint256Column).label("amounts"),
            )
            .group_by(*keys)
            .having(func.bool_or(~lines.is_settled))
            .order_by(lines.epoch, lines.work_id, lines.part, lines.asset)
        )
        return [
            PayableLeaf(
                op_id=row.op_id,
                epoch=row.epoch,
                work_id=row.work_id,
                part=row.part,
                asset=row.asset,
                settled=int(row.settled),
                open_lines=tuple(
                    SplitLine(payee=payee, amount=amount)
                    for payee, amount in zip(row.payees, row.amounts, strict=True)
                ),
                is_reserved=row.is_reserved,
            )
            for row in self._connection.execute(query)
        ]

    def payable_lines(self) -> list[PayableLine]:
        """Lines with a posted balance, reserved ones too, ascending by (list, index)."""
        settling = POSTING.alias("settling")
        is_settled = (
            select(settling.c.entry_id)
            .where(
                settling.c.debit_account == LINE.c.account_id,
                settling.c.asset == LINE.c.asset,
                settling.c.version == LINE.c.version,
                settling.c.status == "posted",
            )
            .exists()
        )
        is_of_line = (RESERVATION.c.line == LINE.c.op_id, RESERVATION.c.version == LINE.c.version)
        is_reserved = select_open_reservations().where(*is_of_line).exists()
        query = (
            select(LINE, is_reserved.label("is_reserved"))
            .where(*is_current(LINE, self._book), ~is_settled)
            .order_by(LINE.c.list_id, LINE.c.list_index)
        )
        return [
            PayableLine(
                op_id=row.op_id,
                list_id=row.list_id,
                index=row.list_index,
                payee=row.payee,
                asset=row.asset,
                amount=row.amount,
                entry_id=row.entry_id,
                owed_since=row.owed_since,
                payers=() if row.payer is None else (row.payer,),
                is_reserved=row.is_reserved,
            )
            for row in self._connection.execute(query)
        ]

    def leaf_lines(self, since: BlockNumber) -> list[LeafLines]:
        """Settled lines of every leaf that has an open line or was settled above block `since`.

        The one line of an escrow leaf is settled once it is released or expired.
        """
        is_settled = settled_of_line() > 0
        settled = func.sum(case((is_settled, _bit(POSTING.c.ordinal)), else_=0))
        query = (
            select(LEAF, settled.label("settled"))
            .join(POSTING, POSTING.c.entry_id == LEAF.c.entry_id)
            .where(*is_current(LEAF, self._book))
            .group_by(LEAF.c.op_id, LEAF.c.version)
            .having(or_(func.bool_or(~is_settled), func.bool_or(is_settled_above(since))))
            .order_by(LEAF.c.epoch, LEAF.c.work_id, LEAF.c.part, LEAF.c.asset)
        )
        return [
            LeafLines(
                op_id=row.op_id,
                epoch=row.epoch,
                work_id=row.work_id,
                part=row.part,
                asset=row.asset,
                settled=int(row.settled),
            )
            for row in self._connection.execute(query)
        ]

    def flows(self) -> list[Flow]:
        """Posted flows of the current version by epoch, asset and both kinds of account.

        Those without an epoch are left out.
        """
        debit, credit = ACCOUNT.alias("debit"), ACCOUNT.alias("credit")
        epoch = func.coalesce(debit.c.epoch, credit.c.epoch)
        keys = (epoch, POSTING.c.asset, debit.c.kind, credit.c.kind)
        query = (
            select(*keys, func.sum(POSTING.c.amount))
            .join(debit, debit.c.id == POSTING.c.debit_account)
            .join(credit, credit.c.id == POSTING.c.credit_account)
            .where(*is_of(debit, self._book), POSTING.c.version == current_version(self._book))
            .where(POSTING.c.status == "posted", epoch.is_not(None))
            .group_by(*keys)
            .order_by(*keys)
        )
        return [
            Flow(
                epoch=row[0],
                asset=row[1],
                debit=AccountKind(row[2]),
                credit=AccountKind(row[3]),
                amount=int(row[4]),
            )
            for row in self._connection.execute(query)
        ]

    def trial_balance(self, at: BlockNumber | None = None) -> list[TrialBalanceLine]:
        """Posted debits and credits by kind of account and asset, at the end of block `at`."""
        lines = select_balances(self._book, *self._until(at)).subquery()
        query = select(
            lines.c.kind, lines.c.asset, func.sum(lines.c.debits), func.sum(lines.c.credits)
        )
        keys = (lines.c.kind, lines.c.asset)
        return [
            TrialBalanceLine(
                kind=AccountKind(row[0]), asset=row[1], debits=int(row[2]), credits=int(row[3])
            )
            for row in self._connection.execute(query.group_by(*keys).order_by(*keys))
        ]

    def standing_commitments(self) -> list[StandingCommitment]:
        """Commitments that are not vetoed, by epoch."""
        keys = ("chain_id", "contract", "version", "epoch", "attempt")
        is_vetoed = (
            select(COMMITMENT_OUTCOME.c.epoch)
            .where(
                and_(*(COMMITMENT_OUTCOME.c[key] == COMMITMENT.c[key] for key in keys)),
                COMMITMENT_OUTCOME.c.outcome == "vetoed",
            )
            .exists()
        )
        query = (
            select(COMMITMENT)
            .where(*is_current(COMMITMENT, self._book), ~is_vetoed)
            .order_by(COMMITMENT.c.epoch, COMMITMENT.c.attempt)
        )
        return [
            StandingCommitment(
                epoch=row.epoch,
                attempt=row.attempt,
                manifest_digest=row.manifest_digest,
                root=row.root,
            )
            for row in self._connection.execute(query)
        ]

    def balances_at(self, account: Account, at: BlockNumber | None) -> dict[Address, Totals]:
        """Posted debits and credits of one account at the end of a block, by asset.

        Takes a few milliseconds, however busy the account is; None stands for now.
        """
        version = self._connection.execute(select(current_version(self._book))).scalar_one()
        keys = assets_of(self._connection, [self._book.account_id(account)])
        totals = totals_at(self._connection, keys, version=version, block=at)
        return {asset: totals[key] for key in keys if key in totals for asset in (key[1],)}

    def journal(
        self,
        *,
        after: JournalKey | None,
        entries_max: int,
        account: Account | None = None,
        at: BlockNumber | None = None,
    ) -> list[JournalEntry]:
        """A page of the journal, each entry checked against its digest.

        With `account` only entries that name it, with `at` only those of the current version that
        take effect up to that block.
        """
        conditions = is_of(JOURNAL_ENTRY, self._book)
        if account is not None:
            conditions.append(names_account(self._book.account_id(account)))
        if at is not None:
            conditions.append(JOURNAL_ENTRY.c.version == current_version(self._book))
            conditions.append(JOURNAL_ENTRY.c.effective_block <= at)
        query = select_page(*conditions, after=after, entries_max=entries_max)
        return entries_from_rows(self._connection.execute(query))

    def _until(self, at: BlockNumber | None) -> list[ColumnElement[bool]]:
        if at is None:
            return []
        is_in_version = POSTING.c.version == current_version(self._book)
        return [POSTING.c.effective_block <= at, is_in_version]


def books_of(connection: Connection, chain_id: ChainId) -> list[Book]:
    """The books of a chain in which anything was ever posted, ascending by contract."""
    query = select(CURSOR.c.contract).where(CURSOR.c.chain_id == chain_id).distinct()
    contracts = sorted(connection.execute(query).scalars())
    return [Book(chain_id=chain_id, contract=contract) for contract in contracts]


def _bit(ordinal: ColumnElement[int]) -> ColumnElement[int]:
    return literal(1, BigInteger).op("<<")(ordinal)


def _open(
    column: ColumnElement[Any],
    lines: ReadOnlyColumnCollection[str, Any],
    kind: type[TypeDecorator[Any]],
) -> ColumnElement[Any]:
    """The values of a leaf's open lines, in order."""
    ordered = aggregate_order_by(column, lines.ordinal)
    return func.array_agg(ordered, type_=ARRAY(kind)).filter(~lines.is_settled)


def _balance(row: Row[Any]) -> Balance:
    account = account_from_row(row)
    posted = account.balance(debits=int(row.debits), credits=int(row.credits))
    return Balance(account=account, asset=row.asset, posted=posted, pending=int(row.pending))
