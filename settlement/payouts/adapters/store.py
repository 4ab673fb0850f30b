"""Intents and outcomes in Postgres."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, BlockNumber, ChainId, Hash32
from settlement.errors import NonceTaken, OperationConflict
from settlement.payouts.adapters.ownership import PayoutsOwner
from settlement.payouts.adapters.rows import (
    operation_of,
    operation_row,
    outcome_of,
    transaction_of,
    transaction_row,
)
from settlement.payouts.adapters.tables import (
    PAYOUT_ADOPTION,
    PAYOUT_INCLUSION,
    PAYOUT_OPERATION,
    PAYOUT_OUTCOME,
    PAYOUT_RETRACTION,
    PAYOUT_TRANSACTION,
)
from settlement.payouts.operation import (
    CLOSING_FATES,
    Adoption,
    Attempt,
    History,
    Kind,
    Operation,
    Outcome,
    SignedTransaction,
)

_Key = tuple[Address, int]  # sender, nonce


class Reservations(Protocol):
    """The books' side of planning."""

    def reserve(self, connection: Connection, operation: Operation) -> None:
        """Write the pending entry of an operation that pays, inside the given transaction."""
        ...


class SqlHistories:
    """Read access to all histories; each call is one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def history(self, op_id: Hash32) -> History | None:
        """All that is stored about one operation."""
        wanted = select(PAYOUT_OPERATION).where(PAYOUT_OPERATION.c.op_id == op_id)
        with self._connection.begin():
            return next(iter(_histories(self._connection, wanted)), None)


class SqlPayoutStore:
    """The owner's store of the contracts that are paid from."""

    def __init__(
        self,
        owner: PayoutsOwner,
        chain_id: ChainId,
        contracts: Collection[Address],
        reservations: Reservations,
    ) -> None:
        self._owner = owner
        self._chain_id, self._contracts = chain_id, tuple(contracts)
        self._reservations = reservations

    def plan(self, operations: Sequence[Operation]) -> int:
        """Insert operations with their reservations, or verify them; returns how many are new.

        A stored operation that is planned again reserves again: its books were taken back, and
        posted anew without the reservation.

        Raises:
            OperationConflict: an op-id is stored with other content.
        """
        with self._owner.transaction() as connection:
            return sum(self._plan_one(connection, operation) for operation in operations)

    def open_count(self) -> int:
        """How many operations are not closed."""
        with self._owner.transaction() as connection:
            return connection.scalar(select(func.count()).select_from(self._open().subquery())) or 0

    def open_histories(self) -> list[History]:
        """All operations that are not closed."""
        with self._owner.transaction() as connection:
            return _histories(connection, self._open())

    def open_attempts(self, sender: Address, *, first_nonce: int) -> list[Attempt]:
        """All that was signed for nonces from `first_nonce` on, ascending."""
        table = PAYOUT_TRANSACTION
        signed = select(table).where(
            table.c.chain_id == self._chain_id,
            table.c.sender == sender,
            table.c.nonce >= first_nonce,
        )
        with self._owner.transaction() as connection:
            return list(_attempts(connection, signed).values())

    def next_nonce(self, sender: Address) -> int | None:
        """One above the highest nonce that is stored or adopted; None if there is none."""
        with self._owner.transaction() as connection:
            return self._next_nonce(connection, sender)

    def adopt(self, adoption: Adoption) -> None:
        """Take nonces that the chain showed and that are not stored.

        Raises:
            NonceTaken: the first is below the next one.
        """
        first, sender = adoption.first_nonce, adoption.sender
        with self._owner.transaction() as connection:
            following = self._next_nonce(connection, sender)
            if following is not None and first < following:
                raise NonceTaken(sender, nonce=first, following=following)
            connection.execute(
                insert(PAYOUT_ADOPTION).values(
                    chain_id=adoption.chain_id,
                    sender=sender,
                    first_nonce=first,
                    next_nonce=adoption.next_nonce,
                    block_number=adoption.block_number,
                    block_hash=adoption.block_hash,
                )
            )

    def adopted_at(self, sender: Address, nonce: int) -> BlockNumber | None:
        """The head's number when a nonce was adopted; None if it was not."""
        adopted = PAYOUT_ADOPTION.c
        query = select(adopted.block_number).where(
            adopted.chain_id == self._chain_id,
            adopted.sender == sender,
            adopted.first_nonce <= nonce,
            adopted.next_nonce > nonce,
        )
        with self._owner.transaction() as connection:
            number = connection.scalar(query)
        return None if number is None else BlockNumber(number)

    def add_transaction(
        self, transaction: SignedTransaction, op_ids: Sequence[Hash32], *, head: BlockNumber
    ) -> None:
        """Store a signed transaction with a new nonce, what it carries, and the head's number.

        Raises:
            NonceTaken: the nonce is not the next one.
        """
        name = {
            "chain_id": transaction.chain_id,
            "sender": transaction.sender,
            "nonce": transaction.nonce,
        }
        with self._owner.transaction() as connection:
            following = self._next_nonce(connection, transaction.sender)
            if following is not None and transaction.nonce != following:
                raise NonceTaken(transaction.sender, nonce=transaction.nonce, following=following)
            row = transaction_row(transaction, head=head, ordinal=0)
            connection.execute(insert(PAYOUT_TRANSACTION).values(row))
            rows = [{"op_id": op_id} | name for op_id in op_ids]
            connection.execute(insert(PAYOUT_INCLUSION), rows)

    def add_version(self, transaction: SignedTransaction, *, head: BlockNumber) -> None:
        """Store another transaction for a nonce that is taken already.

        Raises:
            NonceTaken: the nonce is not below the next one.
        """
        table, sender, nonce = PAYOUT_TRANSACTION, transaction.sender, transaction.nonce
        versions = select(func.count()).where(
            table.c.chain_id == self._chain_id, table.c.sender == sender, table.c.nonce == nonce
        )
        with self._owner.transaction() as connection:
            following = self._next_nonce(connection, sender) or 0
            if nonce >= following:
                raise NonceTaken(sender, nonce=nonce, following=following)
            ordinal = connection.execute(versions).scalar_one()
            row = transaction_row(transaction, head=head, ordinal=ordinal)
            connection.execute(insert(table).values(row))

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Append outcomes."""
        rows: list[dict[str, Any]] = [
            {
                "op_id": outcome.op_id,
                "fate": outcome.fate.value,
                "refusal": outcome.refusal,
                "sender": outcome.sender,
                "nonce": outcome.nonce,
                "tx_hash": outcome.tx_hash,
                "block_number": outcome.block_number,
                "block_hash": outcome.block_hash,
            }
            for outcome in outcomes
        ]
        with self._owner.transaction() as connection:
            versions = _versions(connection, [outcome.op_id for outcome in outcomes])
            versioned = [row | {"version": versions.get(row["op_id"], 0)} for row in rows]
            connection.execute(insert(PAYOUT_OUTCOME), versioned)

    def _plan_one(self, connection: Connection, operation: Operation) -> bool:
        table = PAYOUT_OPERATION
        inserted = connection.execute(
            insert(table)
            .values(operation_row(operation))
            .on_conflict_do_nothing(index_elements=[table.c.op_id])
            .returning(table.c.op_id)
        )
        is_new = inserted.first() is not None
        stored = connection.execute(
            select(table.c.content_digest).where(table.c.op_id == operation.op_id)
        ).scalar_one()
        if stored != operation.content_digest:
            raise OperationConflict(
                operation.op_id, stored=stored, planned=operation.content_digest
            )
        if operation.kind is not Kind.COMMIT:
            self._reservations.reserve(connection, operation)
        return is_new

    def _next_nonce(self, connection: Connection, sender: Address) -> int | None:
        stored, adopted = PAYOUT_TRANSACTION.c, PAYOUT_ADOPTION.c
        above_stored = select(func.max(stored.nonce) + 1).where(
            stored.chain_id == self._chain_id, stored.sender == sender
        )
        above_adopted = select(func.max(adopted.next_nonce)).where(
            adopted.chain_id == self._chain_id, adopted.sender == sender
        )
        return connection.scalar(
            select(func.greatest(above_stored.scalar_subquery(), above_adopted.scalar_subquery()))
        )

    def _open(self) -> Select[Any]:
        table, outcome = PAYOUT_OPERATION, PAYOUT_OUTCOME
        closed = select(outcome.c.op_id).where(
            outcome.c.op_id == table.c.op_id,
            outcome.c.fate.in_([one.value for one in CLOSING_FATES]),
            stands(),
        )
        return select(table).where(
            table.c.chain_id == self._chain_id,
            table.c.contract.in_(self._contracts),
            ~closed.exists(),
        )


def stands() -> ColumnElement[bool]:
    """Whether an outcome was not taken back."""
    last = PAYOUT_RETRACTION.alias("last")
    version = (
        select(func.coalesce(func.max(last.c.version), 0))
        .where(last.c.op_id == PAYOUT_OUTCOME.c.op_id)
        .scalar_subquery()
    )
    return PAYOUT_OUTCOME.c.version == version


def _versions(connection: Connection, op_ids: Sequence[Hash32]) -> dict[Hash32, int]:
    """The version in which outcomes of these operations are recorded, where it is not 0."""
    table = PAYOUT_RETRACTION
    query = select(table.c.op_id, func.max(table.c.version).label("version"))
    rows = connection.execute(query.where(table.c.op_id.in_(op_ids)).group_by(table.c.op_id))
    return {row.op_id: row.version for row in rows}


def _histories(connection: Connection, wanted: Select[Any]) -> list[History]:
    """The histories of the selected operations, in three queries, in canonical order."""
    table, inclusion, transaction = PAYOUT_OPERATION, PAYOUT_INCLUSION, PAYOUT_TRANSACTION
    operations = [operation_of(row) for row in connection.execute(wanted)]
    ids = wanted.with_only_columns(table.c.op_id)
    of_leaves = (
        select(inclusion, table.c.event_op_id)
        .join(table, table.c.op_id == inclusion.c.op_id)
        .where(table.c.event_op_id.in_(wanted.with_only_columns(table.c.event_op_id)))
    )
    nonces: defaultdict[Hash32, set[_Key]] = defaultdict(set)
    nonces_of_leaf: defaultdict[Hash32, set[_Key]] = defaultdict(set)
    for row in connection.execute(of_leaves):
        nonces[row.op_id].add((row.sender, row.nonce))
        nonces_of_leaf[row.event_op_id].add((row.sender, row.nonce))
    carrying = of_leaves.subquery().c
    is_same_nonce = and_(
        transaction.c.chain_id == carrying.chain_id,
        transaction.c.sender == carrying.sender,
        transaction.c.nonce == carrying.nonce,
    )
    carries = select(carrying.op_id).where(is_same_nonce).exists()
    attempts = _attempts(connection, select(transaction).where(carries))
    outcomes: defaultdict[Hash32, list[Outcome]] = defaultdict(list)
    kinds = {operation.op_id: operation.kind for operation in operations}
    recorded = select(PAYOUT_OUTCOME).where(PAYOUT_OUTCOME.c.op_id.in_(ids), stands())
    for row in connection.execute(recorded.order_by(PAYOUT_OUTCOME.c.nonce)):
        outcomes[row.op_id].append(outcome_of(row, kinds[row.op_id]))
    return [
        History(
            operation=operation,
            attempts=tuple(attempts[key] for key in sorted(nonces[operation.op_id])),
            others=tuple(
                attempts[key]
                for key in sorted(nonces_of_leaf[operation.event_op_id] - nonces[operation.op_id])
            ),
            outcomes=tuple(outcomes[operation.op_id]),
        )
        for operation in sorted(operations, key=lambda one: one.order)
    ]


def _attempts(connection: Connection, signed: Select[Any]) -> dict[_Key, Attempt]:
    table = PAYOUT_TRANSACTION
    versions: defaultdict[_Key, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(signed.order_by(table.c.sender, table.c.nonce, table.c.ordinal)):
        versions[row.sender, row.nonce].append(row)
    return {
        (sender, nonce): Attempt(
            sender=sender,
            nonce=nonce,
            transactions=tuple(transaction_of(row) for row in rows),
            signed_at=rows[-1].signed_at,
        )
        for (sender, nonce), rows in versions.items()
    }
